using System.Net;

namespace Crdt.Transport;

/// <summary>An entry for the operator's log.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="At">When.</param>
/// <param name="EndPoint">The other side's address; for <see cref="PeerNodeEventKind.Listening"/> the own one.</param>
/// <param name="Connection">The connection, if there was one.</param>
/// <param name="Error">Why, for what ended or failed; else <see cref="WireError.None"/>.</param>
/// <param name="Message">In words, for a person.</param>
public sealed record PeerNodeEvent(
    PeerNodeEventKind Kind,
    DateTimeOffset At,
    EndPoint EndPoint,
    PeerConnection? Connection,
    WireError Error,
    string Message)
{
    /// <summary>One line.</summary>
    public override string ToString() => Error == WireError.None
        ? $"{At:O} {Kind} {EndPoint}: {Message}"
        : $"{At:O} {Kind} {EndPoint} ({Error}): {Message}";
}
