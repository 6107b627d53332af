namespace Crdt;

/// <summary>How a query is answered.</summary>
/// <param name="Indexes">The indexes that are read; none where every entity of the type is looked at.</param>
/// <param name="IsSortedByIndex">Whether the entities come out of an index in the order asked for: then only as many are read
/// as are taken.</param>
/// <param name="Unprojected">Entities of the type that changed too lately to be in an index: they are looked at one by
/// one.</param>
public sealed record EntityQueryPlan(IReadOnlyList<EntityIndex> Indexes, bool IsSortedByIndex, int Unprojected);
