namespace Crdt;

/// <summary>What became of everything that was ever written, found by replay of the log (semantics 8). Law: 4.</summary>
/// <param name="Mutations">Mutations replayed.</param>
/// <param name="Written">Values they wrote, counting also the existence of entities.</param>
/// <param name="Replaced">Of those, how many a later mutation of somebody who had seen them replaced.</param>
/// <param name="Held">How many are held as siblings.</param>
/// <param name="Unaccounted">What is neither, or held without having been written.</param>
public sealed record AuditReport(
    long Mutations, long Written, long Replaced, long Held, IReadOnlyList<UnaccountedSibling> Unaccounted);
