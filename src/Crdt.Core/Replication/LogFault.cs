namespace Crdt;

/// <summary>A place in a replica's log that does not agree with the rest of it.</summary>
/// <param name="Before">The position behind the entry.</param>
/// <param name="At">Whose entry, and the last sequence of it.</param>
/// <param name="Problem">What is wrong, as a sentence.</param>
public readonly record struct LogFault(LogPosition Before, Dot At, string Problem);
