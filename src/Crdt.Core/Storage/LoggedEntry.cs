namespace Crdt;

/// <summary>An entry read back from a log.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Next">Where the following entry begins.</param>
public readonly record struct LoggedEntry(LogEntry Entry, LogPosition Next);
