namespace Crdt.Store.Log;

/// <summary>An entry read from the log, with its place.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Position">Its own position, as errors name it.</param>
/// <param name="NextPosition">Where a reading that has taken the entry's whole group goes on. Positions of groups, and
/// only these, can be read from: a group is what was appended in one call, and stays whole.</param>
/// <param name="IsGroupEnd">True at the last entry of its group.</param>
internal readonly record struct LoggedEntry(LogEntry Entry, long Position, long NextPosition, bool IsGroupEnd);
