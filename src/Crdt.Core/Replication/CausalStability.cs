namespace Crdt;

/// <summary>What everybody is known to have seen: whatever anybody writes from now on that has not arrived here, it was
/// written having seen all that (semantics 5).</summary>
/// <remarks>Source: Baquero, Almeida, Shoker, "Pure Operation-Based Replicated Data Types", 2017.</remarks>
internal static class CausalStability
{
    /// <param name="members">Everybody else who may write, without those that are fenced.</param>
    /// <param name="standing">What is known of each.</param>
    /// <param name="held">What is applied here.</param>
    /// <returns>For every author the highest sequence that all are known to have seen; nothing where of one member
    /// nothing is known, or something that it had written by then has not arrived here.</returns>
    public static VersionVector Of(
        IEnumerable<ReplicaId> members, Func<ReplicaId, Acknowledgement?> standing, VersionVector held)
    {
        VersionVector stable = held;
        foreach (ReplicaId member in members)
        {
            if (standing(member) is not { Held: { } seen } || seen[member] > held[member]) return VersionVector.Empty;
            stable = VersionVector.From(stable.Select(d => d with { Sequence = Math.Min(d.Sequence, seen[d.Replica]) }));
        }
        return stable;
    }
}
