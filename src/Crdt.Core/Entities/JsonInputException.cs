namespace Crdt;

/// <summary>JSON input that cannot become a value or a change; the message says what was wrong and where.</summary>
public sealed class JsonInputException : FormatException
{
    /// <summary>Reports what was wrong.</summary>
    /// <param name="message">What was wrong, and where.</param>
    /// <param name="path">JSON Pointer (RFC 6901) to the place; empty for the whole.</param>
    /// <param name="inner">The parser's own error, if it was one.</param>
    public JsonInputException(string message, string path = "", Exception? inner = null)
        : base(path.Length == 0 ? message : $"{message} (at {path})", inner) => Path = path;

    /// <summary>JSON Pointer (RFC 6901) to the place; empty for the whole.</summary>
    public string Path { get; }
}
