namespace Crdt.Store;

/// <summary>One thing that a check of a replica's files came upon.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Where">The file and the place in it, or the entity.</param>
/// <param name="Problem">What is the case, as a sentence.</param>
/// <param name="WayOut">What to do about it, as a sentence.</param>
public sealed record StoreFinding(StoreFindingKind Kind, string Where, string Problem, string WayOut)
{
    /// <summary>Whether nothing is wrong: it goes away by itself, or may stay.</summary>
    public bool IsHarmless => Kind < StoreFindingKind.KeyCopyDamaged;

    /// <summary>Whether <see cref="StoreDoctor.RepairAsync"/> puts it right without losing anything.</summary>
    public bool IsRepairable => Kind is >= StoreFindingKind.KeyCopyDamaged and < StoreFindingKind.LogDamaged;
}
