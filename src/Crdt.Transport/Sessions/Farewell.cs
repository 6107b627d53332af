namespace Crdt.Transport.Sessions;

/// <summary>Content of <c>reject</c> and <c>bye</c>.</summary>
/// <param name="Error">Why.</param>
/// <param name="Detail">For <see cref="WireError.SyncViolation"/> the replication protocol's own code; else 0.</param>
/// <param name="Text">For a person; at most <see cref="MessageFormat.TextLengthBytesMax"/> bytes of UTF-8.</param>
internal readonly record struct Farewell(WireError Error, int Detail, string Text);
