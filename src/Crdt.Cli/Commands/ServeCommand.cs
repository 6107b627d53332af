using System.CommandLine;
using System.Net;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Transport;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt serve</c>: keeps a replica reachable and connected until it is told to stop.</summary>
internal static class ServeCommand
{
    private static readonly Option<IPEndPoint?> Listen = new("--listen", "-l")
    {
        HelpName = "ADDRESS:PORT",
        Description = "Where to listen; port 0 lets the system choose. Only loopback until peers can prove who they are. "
            + "Default: 127.0.0.1:0.",
        CustomParser = result =>
        {
            string text = CommonOptions.Single(result);
            if (CommonOptions.EndPoint(text) is IPEndPoint endPoint) return endPoint;
            result.AddError($"'{text}' is not an address and a port, as in 127.0.0.1:7370.");
            return null;
        },
    };

    private static readonly Option<string[]> Peer = new("--peer", "-p")
    {
        HelpName = "HOST:PORT",
        Description = "A peer to stay connected with; dialled again whenever the connection ends. May be repeated.",
    };

    // As often as deleted entities and the log are looked at: both cost a pass over what is there.
    private static readonly TimeSpan Upkeep = TimeSpan.FromMinutes(10);

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("serve", "Replicates with everybody who connects, until Ctrl-C or SIGTERM. The first line it prints is "
            + "where it listens.") { Listen, Peer },
        RunAsync);

    /// <summary>Reads a peer's address.</summary>
    internal static EndPoint ParsePeer(string text) => CommonOptions.EndPoint(text)
        ?? throw CliException.Usage($"'{text}' is not HOST:PORT, as in 127.0.0.1:7370.");

    /// <summary>A node of this replica: recognised again, since it is named like the replica.</summary>
    internal static PeerNode CreateNode(CliHost host)
    {
        var node = new PeerNode(new PeerNodeOptions { NodeId = host.Replica.Id.Value, Journal = host.Journal, IsPlain = true });
        node.Add(host.Replica);
        return node;
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EndPoint[] peers = [.. (context.Parsed.GetValue(Peer) ?? []).Select(ParsePeer)];
        await using CliHost host = await context.OpenAsync(Upkeep);
        await using PeerNode node = CreateNode(host);
        var log = new PeerEventLog(context.Output, host.Replica);
        IPEndPoint wanted = context.Parsed.GetValue(Listen) ?? new IPEndPoint(IPAddress.Loopback, 0);
        IPEndPoint bound = await node.ListenAsync(wanted, context.Cancellation);
        log.Listening(bound);
        node.EventOccurred += (_, happened) => log.Write(happened);
        foreach (EndPoint peer in peers) node.KeepConnected(peer);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (context.Cancellation.Register(stopped.SetResult)) await stopped.Task;
        // Closed here rather than by `using`, so that the farewells stand before the last line.
        await node.DisposeAsync();
        log.Stopped();
        return ExitCode.Ok;
    }
}
