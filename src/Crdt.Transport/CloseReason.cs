using Crdt.Transport.Sessions;

namespace Crdt.Transport;

/// <summary>Why a connection ended.</summary>
/// <param name="Error">The kind; <see cref="WireError.Closed"/> for an end on purpose.</param>
/// <param name="ByPeer">Whether the peer said so, rather than this side.</param>
/// <param name="Message">In words, for a person: what was wrong and, where it applies, the limit.</param>
/// <param name="Cause">The exception behind it, if there is one.</param>
public sealed record CloseReason(WireError Error, bool ByPeer, string Message, Exception? Cause = null)
{
    /// <summary>What can be done about it.</summary>
    public SyncErrorClass Class => ErrorClasses.Of(Error, Cause);

    internal static CloseReason From(WireException exception) =>
        new(exception.Error, exception.ByPeer, exception.Message, exception);

    internal WireException ToException() => new(Error, Message, Cause) { ByPeer = ByPeer };
}
