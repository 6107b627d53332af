namespace Crdt;

/// <summary>Two replicas that have applied the same and hold different states: a defect, or damage on one side
/// (semantics 11). Nothing is repaired by itself; both sides go on.</summary>
/// <param name="Peer">The other replica.</param>
/// <param name="Time">When it was noticed here, by the own wall clock, in UTC.</param>
/// <param name="Keys">The entities that differ, in order, at most <see cref="KeysMax"/>; <see langword="null"/> while
/// both sides are looking for them, or when the session ended before they were found. Empty when all entities agree:
/// then a sum itself is wrong.</param>
/// <param name="IsCutOff">Whether more entities differ than are named.</param>
/// <remarks>A peer can claim anything about its own state: this says that the two differ, not who is right.</remarks>
public sealed record Divergence(
    ReplicaId Peer, DateTimeOffset Time, IReadOnlyList<EntityKey>? Keys, bool IsCutOff)
{
    /// <summary>Entities that are named at most: 1,000.</summary>
    public const int KeysMax = 1_000;
}
