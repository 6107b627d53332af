using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli;

/// <summary>What a command has at hand while it runs.</summary>
internal sealed class CliContext(
    ParseResult parsed, GlobalOptions globals, CliStreams streams, CliOutput output, CancellationToken cancellation)
{
    public ParseResult Parsed { get; } = parsed;

    public CliOutput Output { get; } = output;

    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>The replica's directory, as given.</summary>
    public string Data { get; } = parsed.GetRequiredValue(globals.Data);

    /// <summary>Who is using the device; null when nobody was named.</summary>
    public string? User { get; } = parsed.GetValue(globals.User);

    /// <summary>The file of the replica's key, as given.</summary>
    public string? KeyFile { get; } = parsed.GetValue(globals.KeyFile);

    /// <summary>The file of the access token that servers ask for, as given.</summary>
    public string? TokenFile { get; } = parsed.GetValue(globals.TokenFile);

    public TimeProvider Time { get; } = TimeProvider.System;

    public Stream OpenInput() => streams.OpenInput();

    /// <summary>Standard output for bytes.</summary>
    public Stream OpenOutput() => streams.OpenOutput?.Invoke() ?? throw CliException.Usage("Standard output takes no bytes here: name a file.");

    /// <summary>Opens the replica; whoever opens closes, so that the next process finds it free.</summary>
    /// <param name="upkeep">How often the space's purge and retention are seen to; only when asked by default.</param>
    public async ValueTask<CliHost> OpenAsync(TimeSpan? upkeep = null)
    {
        using StoreKey? key = ReadKey();
        return await CliHost.OpenAsync(Data, key, Time, Cancellation, upkeep);
    }

    /// <summary>What the replica is encrypted under, as named on the command line or in the environment; null when nothing
    /// is.</summary>
    public StoreKey? ReadKey() =>
        KeyArgument.Read(Parsed.GetValue(globals.KeyFile), GlobalOptions.PassphraseVariable);
}
