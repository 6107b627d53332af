namespace Crdt.Cli;

/// <summary>A command ends here: with which code, why, and what the person can do about it.</summary>
internal sealed class CliException(ExitCode code, string message, string? hint = null, Exception? inner = null)
    : Exception(message, inner)
{
    public ExitCode Code { get; } = code;

    public string? Hint { get; } = hint;

    public static CliException Usage(string message, string? hint = null, Exception? inner = null) =>
        new(ExitCode.Usage, message, hint, inner);

    /// <summary>A value that the library refused; its message without the name of the library's parameter.</summary>
    public static CliException Usage(ArgumentException inner, string prefix = "")
    {
        string message = inner.Message;
        int parameter = message.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        return Usage(prefix + (parameter < 0 ? message : message[..parameter]), inner: inner);
    }

    public static CliException NotFound(string message, string? hint = null) => new(ExitCode.NotFound, message, hint);
}
