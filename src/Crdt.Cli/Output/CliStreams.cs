namespace Crdt.Cli.Output;

/// <summary>What a command reads from and writes to.</summary>
/// <param name="OpenInput">Opens standard input.</param>
/// <param name="Output">Results.</param>
/// <param name="Error">Progress, notes, errors.</param>
/// <param name="IsOutputTerminal">Whether a person looks at the results: then with colours and borders.</param>
/// <param name="IsErrorTerminal">Whether a person looks at the errors: then with progress bars.</param>
internal sealed record CliStreams(
    Func<Stream> OpenInput, TextWriter Output, TextWriter Error, bool IsOutputTerminal, bool IsErrorTerminal)
{
    /// <summary>Opens standard output for bytes; <see langword="null"/> where it takes text only.</summary>
    public Func<Stream>? OpenOutput { get; init; }
}
