namespace Crdt;

/// <summary>One thing that happened to an entity, in the order in which this replica learned of it.</summary>
/// <param name="Mutation">What was written; <see langword="null"/> where a snapshot stands for mutations that this replica
/// never saw, or has dropped.</param>
/// <param name="Snapshot">That snapshot; else <see langword="null"/>.</param>
/// <param name="Changes">What it did to the entity, in order of paths; of a snapshot the values that it brought.</param>
public sealed record HistoryEntry(Mutation? Mutation, Snapshot? Snapshot, IReadOnlyList<HistoryChange> Changes);
