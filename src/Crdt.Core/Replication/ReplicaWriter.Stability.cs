namespace Crdt;

/// <content>Who takes part.</content>
internal sealed partial class ReplicaWriter
{
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
