namespace Crdt.Transport;

/// <summary>A connection could not be made, or ended: why, where, and the cause if there is one.</summary>
/// <remarks>The one exception of this layer; a caller's own mistakes are <see cref="ArgumentException"/> and <see
/// cref="InvalidOperationException"/>. No byte that a peer may send leads to any other.</remarks>
public sealed class WireException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">The kind of failure.</param>
    /// <param name="message">What was wrong, the limit if there was one, and the peer.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public WireException(WireError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>The kind of failure.</summary>
    public WireError Error { get; }

    /// <summary>Whether the peer said so in a <c>reject</c> or <c>bye</c>, rather than this side noticing it.</summary>
    public bool ByPeer { get; init; }
}
