namespace Crdt;

/// <content>Who takes part.</content>
internal sealed partial class ReplicaWriter
{
    /// <summary>Whether every other server is known to hold what a snapshot includes, but for its maker, who does. One that is
    /// not known, or fenced, is not asked.</summary>
    public bool IsHeldByServers(Snapshot snapshot) => OtherServers().All(server => server == snapshot.Maker
        || (Acknowledgements.HeldBy(server) is var held && snapshot.Vector.All(d => d.Replica == server || held.Covers(d))));

    private IEnumerable<ReplicaId> OtherServers()
    {
        IEnumerable<ReplicaId> known = Trust.IsKeyed
            ? Trust.All().Where(static e => e.Role == ReplicaRole.Server).Select(static e => e.Replica)
            : Acknowledgements.Newest().Where(static a => a.Role == ReplicaRole.Server).Select(static a => a.By);
        return known.Where(s => s != Identity.Replica && Fences.Table.Of(s) is null);
    }

    /// <summary>Everybody else who may write: who is enrolled, in an open space who has written, or was met or heard of. Not
    /// who is fenced. The authority's own id only if it did more than found the space.</summary>
    public IEnumerable<ReplicaId> OtherMembers()
    {
        VersionVector held = Authors.Vector;
        IEnumerable<ReplicaId> members = Trust.IsKeyed
            ? Trust.All().Select(e => e.Replica)
            : held.Select(d => d.Replica).Concat(Standing.Newest.Select(s => s.By))
                .Concat(Acknowledgements.Newest().Select(a => a.By)).Concat(Watch.Skews.Select(s => s.Replica));
        Founding? founding = Trust.PublishedFounding;
        return members.Distinct().Where(m => m != Identity.Replica && Fences.Table.Of(m) is null
            && !(m == founding?.Authority && held[m] <= founding.Last && Standing.Find(m) is null));
    }
}
