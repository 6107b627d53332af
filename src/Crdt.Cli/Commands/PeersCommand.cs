using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Cli.Peers;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Discovery;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt peers</c>: who is near, who is paired, and what each lacks.</summary>
internal static class PeersCommand
{
    // What has been there for long answers within a quarter of a second.
    private static readonly TimeSpan LookFor = TimeSpan.FromSeconds(1.5), Interval = TimeSpan.FromMilliseconds(500);

    private static readonly Option<bool> Once = new("--once")
    {
        Description = "Shows it once and ends, rather than again whenever something changes.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("peers", "Shows, live, who is near, which of them are paired, what each lacks and how it goes with the connection. "
            + "While 'crdt serve' runs on this replica, as that one sees it; else it looks itself, and has the replica open meanwhile.")
        {
            Once,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        bool isOnce = context.Parsed.GetValue(Once);
        CliHost host;
        try
        {
            host = await context.OpenAsync();
        }
        catch (StoreException e) when (e.Error == StoreError.InUse && PeerTableFile.Read(context.Data) is not null)
        {
            return await ShowAsync(context, isOnce, () => PeerTableFile.Read(context.Data) is { } told
                && context.Time.GetUtcNow() - told.At < PeerTableFile.StaleAfter
                ? told
                : throw new CliException(ExitCode.Store, "The process that has the replica open does not tell anything any more."));
        }
        await using (host)
        await using (var discovery = new MdnsDiscovery())
        await using (var node = ServeCommand.CreateNode(context, host, isPlain: !host.Replica.IsKeyed))
        {
            node.Discover(discovery, isDialling: false);
            await Task.Delay(LookFor, context.Time, context.Cancellation);
            return await ShowAsync(context, isOnce, () => PeerTable.Take(host.Replica, node, [], context.Time.GetUtcNow(), isServed: false));
        }
    }

    private static async Task<ExitCode> ShowAsync(CliContext context, bool isOnce, Func<PeerTable> take)
    {
        PeerTable table = take();
        table.Write(context.Output);
        if (isOnce) return ExitCode.Ok;
        try
        {
            while (true)
            {
                await Task.Delay(Interval, context.Time, context.Cancellation);
                PeerTable next = take();
                if (next.SaysTheSame(table)) continue;
                table = next;
                if (context.Output.IsInteractive) context.Output.Console.Clear(home: true);
                else if (!context.Output.IsJson) context.Output.Line();
                table.Write(context.Output);
            }
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Ok; // that is how one ends it
        }
    }
}
