using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Store;
using Crdt.Transport;
using Spectre.Console;

namespace Crdt.Cli;

/// <summary>Tells the person what went wrong, where, and what to do: no stack trace unless CRDT_DEBUG=1.</summary>
internal sealed class ErrorReport(CliOutput output)
{
    private const string DebugVariable = "CRDT_DEBUG";

    /// <summary>Reports a command line that makes no sense.</summary>
    public ExitCode Usage(ParseResult parsed)
    {
        Command named = parsed.CommandResult.Command;
        string command = named is RootCommand ? "crdt" : $"crdt {named.Name}";
        // The most exact complaint comes last: "unrecognized" behind "a command is missing".
        string message = parsed.Errors[^1].Message;
        Write(ExitCode.Usage, message, $"'{command} --help' tells what it takes.", null);
        return ExitCode.Usage;
    }

    /// <summary>Reports what a command threw.</summary>
    public ExitCode Failure(Exception error, string data, CancellationToken cancellation)
    {
        (ExitCode code, string message, string? hint) = Explain(error, data, cancellation);
        Write(code, message, hint, error);
        return code;
    }

    private static (ExitCode Code, string Message, string? Hint) Explain(
        Exception error, string data, CancellationToken cancellation) => error switch
        {
            CliException e => (e.Code, e.Message, e.Hint),
            OperationCanceledException when cancellation.IsCancellationRequested =>
                (ExitCode.Cancelled, "Stopped. What was reported as done is kept.", null),
            StoreException e => Explain(e, data),
            WireException e => Explain(e),
            SyncException e => (ExitCode.Peer, e.Message, null),
            ProofException { Error: ProofError.NotSigned or ProofError.NothingWritten or ProofError.Partial or ProofError.NoSignedHead } e =>
                (ExitCode.Precondition, e.Message, e.Error == ProofError.Partial ? "--partial makes a proof of what is left, which says so." : null),
            NodeKeyException e => (ExitCode.Store, e.Message,
                $"Bring '{NodeKeyFile.PathIn(data)}' back from a backup; or have the device revoked, and pair it anew in another directory."),
            ProofException e => (ExitCode.Store, $"Not proved. {e.Message}", null),
            MutationException e => Explain(e),
            BlobException e => Explain(e),
            TransactionTooLargeException e => (ExitCode.Usage, e.Message, null),
            IOException or UnauthorizedAccessException => (ExitCode.Failure, error.Message, null),
            _ => (ExitCode.Failure, $"Unexpected: {error.Message}",
                $"This is a defect. {DebugVariable}=1 shows where it happened."),
        };

    private static (ExitCode, string, string?) Explain(StoreException error, string data) => error.Error switch
    {
        StoreError.NotFound => (ExitCode.Store, $"There is no replica in '{data}'.",
            "'crdt init' makes one; --data DIR or CRDT_DATA says where it is."),
        StoreError.InUse => (ExitCode.Store, $"The replica in '{data}' is in use by another process.",
            "One process at a time opens a replica: perhaps 'crdt serve' runs on it. Stop that one, or work on a "
                + "replica "
            + "of your own and 'crdt sync' with it."),
        StoreError.AlreadyExists => (ExitCode.Precondition, $"There is a replica in '{data}' already.",
            "Name another directory with --data."),
        StoreError.LogDamaged => (ExitCode.Store, error.Message,
            "Keep the files. 'crdt doctor' tells what is damaged and what can be done."),
        StoreError.KeyRequired => (ExitCode.Store, error.Message,
            $"--key-file FILE, or the passphrase in {GlobalOptions.PassphraseVariable}."),
        StoreError.NotEncrypted => (ExitCode.Store, error.Message,
            $"Leave --key-file and {GlobalOptions.PassphraseVariable} out. An encrypted replica is made by 'crdt init' with one of them."),
        StoreError.UnsupportedFormat => (ExitCode.Store, error.Message, "Use the version of crdt that wrote the files, or a later one."),
        StoreError.DiskFull => (ExitCode.Store, error.Message, "Nothing of this command was acknowledged; make room "
            + "and repeat."),
        _ => (ExitCode.Store, error.Message, null),
    };

    private static (ExitCode, string, string?) Explain(WireException error) =>
        (ExitCode.Peer, error.Message, HintOf(error));

    private static string? HintOf(WireException error) => error.Error switch
    {
        WireError.Unreachable => "Does 'crdt serve' run there? The first line it prints is its address.",
        WireError.NoCommonSpace => "The other replica is of another space: 'crdt pair' there and 'crdt join' here make one of its "
            + "space; an open space is joined with 'crdt init --join' and its invite.crdt.",
        WireError.NotEnrolled => "'crdt pair' on the device where the space was founded lets a device in.",
        WireError.KeyRevoked => "'crdt device list' shows who was revoked. A device that is trusted again is paired anew, with a new key: "
            + "'crdt join' in another directory.",
        WireError.TlsFailed => "The other side speaks without encryption ('--plain'), or is no replica.",
        WireError.WrongIdentity => "Another device answers at that address than the one that was meant.",
        WireError.TokenUsed or WireError.TokenExpired or WireError.WrongToken or WireError.PairingClosed =>
            "'crdt pair' on the inviting device makes a new invitation.",
        WireError.CodeMismatch or WireError.CodeDeclined => "Make sure that nobody stands in between, and compare again.",
        WireError.AddressUnavailable => "Another process has the port: choose another one, or 0 for any.",
        WireError.ConnectionToSelf => "The address is this replica's own.",
        _ => null,
    };

    private static (ExitCode, string, string?) Explain(MutationException error) => error.Error switch
    {
        MutationError.NotFound => (ExitCode.NotFound, error.Message, null),
        MutationError.AlreadyExists => (ExitCode.Precondition, error.Message, "Without --create it is changed "
            + "instead."),
        MutationError.RoleRequired => (ExitCode.Precondition, error.Message,
            "Do it on a replica in the server role ('crdt init', or 'crdt pair --role server')."),
        MutationError.NotJoined => (ExitCode.Precondition, error.Message, "'crdt sync' with a peer first."),
        MutationError.NoConflict => (ExitCode.Precondition, error.Message, "'crdt conflicts' lists what is open."),
        _ => (ExitCode.Usage, error.Message, null),
    };

    private static (ExitCode, string, string?) Explain(BlobException error) => error.Error switch
    {
        BlobError.Missing => (ExitCode.Precondition, error.Message, "'crdt blob fetch' brings it."),
        BlobError.QuotaExceeded => (ExitCode.Store, error.Message, "Make room with 'crdt blob evict' or 'crdt blob gc'."),
        BlobError.ChunkRefused or BlobError.ContentRefused => (ExitCode.Peer, error.Message, null),
        BlobError.TooLarge => (ExitCode.Usage, error.Message, null),
        _ => (ExitCode.Precondition, error.Message, null),
    };

    private void Write(ExitCode code, string message, string? hint, Exception? error)
    {
        // Both streams may be the same terminal: what was written first stands first.
        output.Flush();
        if (output.IsJson)
        {
            output.ErrorConsole.Profile.Out.Writer.WriteLine(JsonText.Object(w =>
            {
                w.WriteString("error", Shown.Camel(code));
                w.WriteNumber("exit_code", (int)code);
                w.WriteString("message", message);
                w.WriteOptional("hint", hint);
            }));
        }
        else
        {
            output.ErrorConsole.MarkupLineInterpolated($"[red]crdt:[/] {Shown.Lines(message)}");
            if (hint is not null) output.ErrorConsole.MarkupLineInterpolated($"[dim]{Shown.Lines(hint)}[/]");
        }
        if (error is not null && Environment.GetEnvironmentVariable(DebugVariable) is "1")
            output.ErrorConsole.Profile.Out.Writer.WriteLine(error);
    }
}
