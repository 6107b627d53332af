namespace Crdt;

/// <summary>What <see cref="Replica.PruneAsync"/> did.</summary>
/// <param name="Outcome">What came of it.</param>
/// <param name="Floor">What the snapshot includes on which the log now stands; empty where it begins at the founding.</param>
/// <param name="LogStart">Where the log begins now.</param>
public sealed record PruneResult(PruneOutcome Outcome, VersionVector Floor, LogPosition LogStart);
