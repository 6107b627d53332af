namespace Crdt;

/// <summary>What a store's indexes have to say on a query.</summary>
/// <param name="Indexes">Those that are read.</param>
/// <param name="Groups">Keys of projected entities, found while it is enumerated, page by page: those of all that may be asked
/// for, perhaps more, and those of some twice. Where an order was asked for, whoever is in an earlier group comes first; within
/// a group nothing is known.</param>
public sealed record IndexSearch(IReadOnlyList<EntityIndex> Indexes, IEnumerable<IReadOnlyList<EntityKey>> Groups);
