namespace Crdt;

/// <summary>Why a transaction is refused.</summary>
/// <param name="Code">For programs.</param>
/// <param name="Reason">For people: for the author, in words; 1 to 4,000 letters.</param>
public sealed record Refusal(RefusalCode Code, string Reason);
