using System.CommandLine;
using System.CommandLine.Invocation;
using Crdt.Cli.Commands;
using Crdt.Cli.Output;

namespace Crdt.Cli;

/// <summary>The <c>crdt</c> command: its subcommands, and how they are run.</summary>
public static class CrdtCommand
{
    /// <summary>Runs one command line, as the process would.</summary>
    /// <param name="args">Without the program's name.</param>
    /// <param name="output">Takes the results.</param>
    /// <param name="error">Takes notes and errors.</param>
    /// <param name="input">Standard input, for arguments that are <c>-</c>.</param>
    /// <param name="cancellation">What a signal does: the command finishes cleanly.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(
        IReadOnlyList<string> args, TextWriter output, TextWriter error, Stream? input = null,
        CancellationToken cancellation = default) =>
        RunAsync(args, new CliStreams(() => input ?? Stream.Null, output, error, false, false), cancellation);

    internal static async Task<int> RunAsync(
        IReadOnlyList<string> args, CliStreams streams, CancellationToken cancellation)
    {
        var globals = new GlobalOptions();
        RootCommand root = Create(globals, streams);
        // Without response files: a value that begins with @ is a value.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        bool isJson = parsed.GetResult(globals.Json) is { Implicit: false };
        var errors = new ErrorReport(new CliOutput(streams, isJson));
        try
        {
            var invocation = new InvocationConfiguration
            {
                Output = streams.Output,
                Error = streams.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            if (args.Count == 0)
            {
                await root.Parse("--help").InvokeAsync(invocation, cancellation);
                return (int)ExitCode.Usage;
            }
            return parsed.Action is ParseErrorAction
                ? (int)errors.Usage(parsed)
                : await parsed.InvokeAsync(invocation, cancellation);
        }
        catch (Exception e)
        {
            return (int)errors.Failure(e, parsed.GetValue(globals.Data) ?? "", cancellation);
        }
        finally
        {
            await streams.Output.FlushAsync(CancellationToken.None);
            await streams.Error.FlushAsync(CancellationToken.None);
        }
    }

    private static RootCommand Create(GlobalOptions globals, CliStreams streams)
    {
        (Command Command, Func<CliContext, Task<ExitCode>> Run)[] commands =
        [
            InitCommand.Create(),
            ImportCommand.Create(),
            PutCommand.Create(),
            GetCommand.Create(),
            HistoryCommand.Create(),
            QueryCommand.Create(),
            IndexCommand.Create(),
            ExportCommand.Create(),
            .. LogCommand.Create(),
            WhyCommand.Create(),
            StatusCommand.Create(),
            ConflictsCommand.Create(),
            ResolveCommand.Create(),
            .. PolicyCommand.Create(out Command policy),
            .. RefusedCommand.Create(out Command refused),
            .. AsideCommand.Create(out Command aside),
            .. BundleCommand.Create(out Command bundle),
            .. BlobCommand.Create(out Command blob),
            MapCommand.Create(out Command map),
            BackupCommand.Create(),
            DoctorCommand.Create(),
            VerifyCommand.Create(),
            RekeyCommand.Create(),
            SnapshotCommand.Create(),
            PruneCommand.Create(),
            RetentionCommand.Create(),
            PurgeCommand.Create(),
            .. SpaceCommand.Create(out Command space),
            PairCommand.Create(),
            JoinCommand.Create(),
            .. DeviceCommand.Create(out Command device),
            ServeCommand.Create(),
            SyncCommand.Create(),
            PeersCommand.Create(),
            SimulateCommand.Create(),
        ];
        var root = new RootCommand("Replicas that work offline and converge: capture, import, query, resolve, sync.")
        {
            globals.Data,
            globals.Json,
            globals.User,
            globals.KeyFile,
            globals.TokenFile,
        };
        foreach ((Command command, Func<CliContext, Task<ExitCode>> run) in commands)
        {
            command.SetAction(async (parsed, cancellation) =>
            {
                var output = new CliOutput(streams, parsed.GetValue(globals.Json));
                return (int)await run(new CliContext(parsed, globals, streams, output, cancellation));
            });
            if (!command.Parents.Any()) root.Add(command);
        }
        root.Add(policy);
        root.Add(refused);
        root.Add(aside);
        root.Add(bundle);
        root.Add(blob);
        root.Add(map);
        root.Add(space);
        root.Add(device);
        return root;
    }
}
