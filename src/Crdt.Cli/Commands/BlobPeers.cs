using System.CommandLine;
using System.Globalization;
using System.Net;
using Crdt.Cli.Arguments;
using Crdt.Transport;
using Crdt.Transport.Discovery;

namespace Crdt.Cli.Commands;

/// <summary>The peers that a command about attachments meets: those that are named, or those that are near.</summary>
internal sealed class BlobPeers(string description)
{
    private readonly Option<string[]> peer = new("--peer", "-p") { HelpName = "HOST:PORT", Description = $"{description} May be repeated." };

    private readonly Option<double?> timeout = SyncCommand.TimeoutOption();

    private readonly Option<bool> plain = CommonOptions.Plain();

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[peer, timeout, plain]) command.Options.Add(option);
    }

    /// <summary>Connects with all of them, and does something once the mutations of each are in sync.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="host">The replica.</param>
    /// <param name="title">Of the progress.</param>
    /// <param name="work">What to do with those that could be reached.</param>
    /// <exception cref="CliException">It took too long, or nobody is near.</exception>
    /// <exception cref="WireException">None could be reached.</exception>
    public async Task MeetAsync(
        CliContext context, CliHost host, string title, Func<IReadOnlyList<PeerConnection>, Action<double, string>, CancellationToken, Task> work)
    {
        EndPoint[] named = [.. (context.Parsed.GetValue(peer) ?? []).Select(ServeCommand.ParsePeer)];
        double? seconds = context.Parsed.GetValue(timeout);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        if (seconds is { } limit) deadline.CancelAfter(TimeSpan.FromSeconds(limit));
        await using var discovery = new MdnsDiscovery();
        await using PeerNode node = ServeCommand.CreateNode(context, host, context.Parsed.GetValue(plain));
        if (named.Length == 0)
        {
            node.Discover(discovery, isDialling: false);
            named = [.. (await SyncCommand.FindNearbyAsync(context, node, seconds)).Select(p => p.EndPoint)];
        }
        try
        {
            await context.Output.ProgressAsync(title, async report =>
            {
                IReadOnlyList<PeerConnection> connections = await ConnectAsync(context, host, node, named, report, deadline.Token);
                await work(connections, report, deadline.Token);
                foreach (PeerConnection connection in connections) await connection.CloseAsync();
                return true;
            });
        }
        catch (OperationCanceledException) when (!context.Cancellation.IsCancellationRequested)
        {
            throw new CliException(ExitCode.Peer, string.Create(CultureInfo.InvariantCulture, $"Not done within {seconds} s."), "What arrived is kept; run it again to go on.");
        }
    }

    private static async Task<IReadOnlyList<PeerConnection>> ConnectAsync(
        CliContext context, CliHost host, PeerNode node, EndPoint[] peers, Action<double, string> report, CancellationToken cancellation)
    {
        var connections = new List<PeerConnection>();
        WireException? last = null;
        foreach (EndPoint end in peers)
        {
            try
            {
                connections.Add(await SyncCommand.MeetAsync(host, node, end, report, static _ => { }, cancellation));
            }
            catch (WireException e)
            {
                last = e;
                if (peers.Length > 1) context.Output.Warn($"{end}: {e.Message}");
            }
        }
        if (connections.Count == 0 && last is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(last);
        return connections;
    }
}
