namespace Crdt.Tiles;

/// <summary>A pack of tiles could not be read, as a whole or at one place.</summary>
public sealed class TileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">The kind of failure.</param>
    /// <param name="message">What was wrong, and where.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public TileException(TileError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>The kind of failure.</summary>
    public TileError Error { get; }
}
