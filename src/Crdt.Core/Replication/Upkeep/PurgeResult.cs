namespace Crdt;

/// <summary>What a purge did.</summary>
/// <param name="Purged">Deleted entities that were dropped, everywhere once it has spread.</param>
/// <param name="Waiting">Deleted entities that somebody is not known to have seen deleted, as a whole.</param>
/// <param name="Kept">Deleted entities that have to stay: with a refused delete, or so large that no batch could drop
/// them.</param>
/// <remarks>Of a dropped entity a counter stays where somebody's count is not zero: its author goes on from it.</remarks>
public readonly record struct PurgeResult(long Purged, long Waiting, long Kept);
