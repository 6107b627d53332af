using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Cli.Peers;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Lanes;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt sync</c>: one session with a peer, until both hold the same.</summary>
internal static class SyncCommand
{
    public const string DivergedMessage =
        "Both hold the same mutations, and yet their states differ: a defect, or damage. Keep both directories.";

    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(100);

    private static readonly Argument<string?> Peer = new("peer")
    {
        HelpName = "HOST:PORT",
        Description = "Where 'crdt serve' listens. Without it: every device of the space that is near.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    // What has been there for long answers within a quarter of a second, and one that has just been started announces itself
    // within a second.
    private static readonly TimeSpan LookFor = TimeSpan.FromSeconds(5), LookForMore = TimeSpan.FromSeconds(1);

    private static readonly Option<double?> Timeout = TimeoutOption();

    private static readonly Option<bool> WithSnapshot = new("--snapshot")
    {
        Description = "Takes over the peer's newest snapshot, too, so that 'crdt prune' has one to drop the log behind.",
    };

    private static readonly Option<bool> Plain = CommonOptions.Plain();

    private static readonly Option<bool> NoWait = new("--no-wait")
    {
        Description = "Ends as soon as both hold the same mutations. Attachments that have not come or gone by then do so another time, from where they are.",
    };

    private const int RestartsMax = 10;

    public static (Command, Func<CliContext, Task<ExitCode>>) Create()
    {
        var sync = new Command("sync", "Exchanges with a peer, or with every device of the space that is near, what either lacks: mutations, and then the attachments "
            + "that this device takes and those that a server takes from it; it goes on until they are over, and does not wait for what the peer has not got. "
            + "Exit code 4 when it was cut short; what arrived until then is kept, and the next time goes on from there.") { Peer, Timeout, WithSnapshot, NoWait, Plain };
        BlobOptions.AddTo(sync);
        LaneOptions.AddTo(sync);
        return (sync, RunAsync);
    }

    /// <summary>The members of a JSON result that tell what a session did.</summary>
    public static void WriteProgress(Utf8JsonWriter writer, SyncProgress progress)
    {
        writer.WriteNumber("mutations_sent", progress.MutationsSent);
        writer.WriteNumber("mutations_received", progress.MutationsReceived);
        writer.WriteBoolean("diverged", progress.IsDiverged);
        if (progress.Divergence is { } divergence) Watched.WriteKeys(writer, divergence);
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EndPoint? peer = context.Parsed.GetValue(Peer) is { } given ? ServeCommand.ParsePeer(given) : null;
        double? seconds = context.Parsed.GetValue(Timeout);
        _ = BlobOptions.Read(context); // a mistake is told before anything is opened
        await using CliHost host = await context.OpenAsync();
        await BlobOptions.SetAsync(context, host.Replica);
        if (context.Parsed.GetValue(WithSnapshot)) host.Replica.RequestSnapshot();
        await using var discovery = new MdnsDiscovery();
        await using PeerNode node = ServeCommand.CreateNode(context, host, context.Parsed.GetValue(Plain));
        node.Lanes.Budget = LaneOptions.Read(context);
        await using CaseList? cases = LaneOptions.ReadCases(context) is { } options ? new CaseList(node, host.Replica, options) : null;
        if (peer is not null) return await ExchangeAsync(context, host, node, peer, seconds);
        node.Discover(discovery, isDialling: false);
        return await ExchangeNearbyAsync(context, host, node, seconds);
    }

    /// <summary>One session with each device of the space that is near.</summary>
    private static async Task<ExitCode> ExchangeNearbyAsync(CliContext context, CliHost host, PeerNode node, double? seconds)
    {
        IReadOnlyList<NearbyPeer> nearby = await FindNearbyAsync(context, node, seconds);
        Exception? last = null;
        bool isDone = false;
        foreach (NearbyPeer near in nearby)
        {
            try
            {
                await ExchangeAsync(context, host, node, near.EndPoint, seconds);
                isDone = true;
            }
            catch (Exception e) when (e is WireException or CliException { Code: ExitCode.Peer })
            {
                last = e;
                context.Output.Warn($"{near.Instance}: {e.Message}");
            }
        }
        if (!isDone && last is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(last);
        return ExitCode.Ok;
    }

    /// <summary>The devices of the space that are near.</summary>
    /// <exception cref="CliException">None is.</exception>
    internal static async Task<IReadOnlyList<NearbyPeer>> FindNearbyAsync(CliContext context, PeerNode node, double? seconds)
    {
        TimeSpan patience = seconds is { } limit && limit < LookFor.TotalSeconds ? TimeSpan.FromSeconds(limit) : LookFor;
        try
        {
            await node.WaitForNearbyAsync(p => p.IsKnown, context.Cancellation).WaitAsync(patience, context.Time, context.Cancellation);
            await Task.Delay(LookForMore, context.Time, context.Cancellation);
        }
        catch (TimeoutException)
        {
            int strangers = node.Nearby.Count;
            throw new CliException(ExitCode.Peer, "No device of the space is near."
                + (strangers > 0 ? $" {Shown.Count(strangers, "other device")} can be seen, not paired with this space." : ""),
                "Does 'crdt serve' run there, on the same network? Else name its address.");
        }
        return [.. node.Nearby.Where(p => p.IsKnown)];
    }

    /// <summary>Gives up after so many seconds.</summary>
    internal static Option<double?> TimeoutOption() => new("--timeout", "-t")
    {
        HelpName = "S",
        Description = "Gives up after so many seconds. Default: as long as it goes on.",
        CustomParser = result =>
        {
            string text = CommonOptions.Single(result);
            if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds)
                && seconds is > 0 and < 1e6) return seconds;
            result.AddError($"'{text}' is not a number of seconds above 0.");
            return null;
        },
    };

    /// <summary>Connects with a peer, and waits until both hold the same mutations.</summary>
    internal static async Task<PeerConnection> MeetAsync(
        CliHost host, PeerNode node, EndPoint peer, Action<double, string> report, Action<PeerConnection> connected, CancellationToken cancellation)
    {
        for (int tries = 0; ; tries++)
        {
            PeerConnection connection = await node.ConnectAsync(peer, cancellation);
            connected(connection);
            try
            {
                await WaitAsync(connection, host.Replica.Space, report, cancellation);
                return connection;
            }
            catch (WireException e) when (e.Error == WireError.Closed && tries < RestartsMax)
            {
                // One of the two has met a fence and begun its state anew: from there it goes on.
            }
        }
    }

    /// <summary>One session, until both hold the same.</summary>
    internal static async Task<ExitCode> ExchangeAsync(
        CliContext context, CliHost host, PeerNode node, EndPoint peer, double? seconds)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        if (seconds is { } limit) deadline.CancelAfter(TimeSpan.FromSeconds(limit));
        long started = Stopwatch.GetTimestamp();
        PeerConnection? connection = null;
        var blobs = new BlobWait(host.Replica);
        bool isInSync = false, waits = !context.Parsed.GetValue(NoWait);
        try
        {
            connection = await context.Output.ProgressAsync($"Syncing with {peer}", async report =>
            {
                PeerConnection met = await MeetAsync(host, node, peer, report, c => connection = c, deadline.Token);
                isInSync = true;
                if (waits) await blobs.WaitAsync(met, report, deadline.Token);
                return met;
            });
        }
        catch (OperationCanceledException) when (!context.Cancellation.IsCancellationRequested)
        {
            if (isInSync)
            {
                BlobWaitResult left = blobs.Take(connection!);
                throw new CliException(ExitCode.Peer, string.Create(CultureInfo.InvariantCulture,
                    $"Mutations are in sync with {peer}; not all attachments within {seconds} s: {left.Waiting} still to come, {left.Unsent} to go."),
                    "What arrived is kept; run it again to go on.");
            }
            string state = connection?.GetProgress(host.Replica.Space) is { } p
                ? $"{Shown.Count(p.MutationsOutstanding, "mutation")} still to send, {Shown.Number(p.MutationsExpected)} to receive"
                : "no connection yet";
            throw new CliException(ExitCode.Peer, string.Create(CultureInfo.InvariantCulture, $"Not in sync with {peer} within {seconds} s: {state}."),
                "What arrived is kept; run it again to go on.");
        }
        SyncProgress done = connection.GetProgress(host.Replica.Space)
            ?? throw new CliException(ExitCode.Peer, $"The peer at {peer} does not replicate this space any more.");
        long sent = connection.BytesSent, received = connection.BytesReceived;
        BlobWaitResult attachments = blobs.Take(connection);
        LaneHold rest = connection.Lanes.FirstOrDefault(l => l.Space == host.Replica.Space)?.AttachmentsHold ?? LaneHold.None;
        await connection.CloseAsync();
        Report(context.Output, peer, done, attachments, rest, sent, received, Stopwatch.GetElapsedTime(started));
        return done.IsDiverged
            ? throw new CliException(ExitCode.Peer, DivergedMessage, done.Divergence is { } found ? $"What differs: {Watched.Describe(found)}" : null)
            : ExitCode.Ok;
    }

    private static async Task WaitAsync(
        PeerConnection connection, SpaceId space, Action<double, string> report, CancellationToken cancellation)
    {
        Task synced = connection.WaitForSyncAsync(cancellation);
        Task<LaneHold> rests = connection.WaitForHoldAsync(space, cancellation);
        while (await Task.WhenAny(synced, rests, Task.Delay(ReportInterval, cancellation)) != synced)
        {
            if (rests.IsCompletedSuccessfully && !synced.IsCompleted && connection.GetProgress(space) is { } open)
            {
                throw new CliException(ExitCode.Peer, $"{WhyOf(await rests)}: {Shown.Count(open.MutationsOutstanding, "mutation")} still to send, "
                    + $"{Shown.Number(open.MutationsExpected)} to receive.", "What arrived is kept; run it again to go on.");
            }
            if (connection.GetProgress(space) is not { } p) continue;
            double done = p.MutationsSent + p.MutationsReceived, left = p.MutationsOutstanding + p.MutationsExpected;
            report(done + left > 0 ? done / (done + left) : 1,
                $"{Shown.Number(p.MutationsSent)} sent, {Shown.Number(p.MutationsReceived)} received");
        }
        await synced;
    }

    /// <summary>Why a space rests on a connection, for people.</summary>
    internal static string WhyOf(LaneHold hold) => hold switch
    {
        LaneHold.Bytes => "The bytes of this connection are spent",
        LaneHold.Time => "The time of this connection is spent",
        LaneHold.Battery => "The battery is low",
        LaneHold.PeerBudget => "What the peer may spend on this connection is spent",
        LaneHold.Peer => "The peer lets this space rest",
        _ => "This space rests here",
    };

    private static void Report(
        CliOutput output, EndPoint peer, SyncProgress done, BlobWaitResult blobs, LaneHold rest, long sent, long received, TimeSpan time)
    {
        if (output.IsJson)
        {
            output.Json(w =>
            {
                w.WriteString("peer", peer.ToString());
                w.WriteOptional("replica", done.Peer?.ToString());
                w.WriteString("role", Shown.Camel(done.PeerRole));
                WriteProgress(w, done);
                w.WriteStartObject("blobs");
                w.WriteNumber("received", blobs.Received);
                w.WriteNumber("received_bytes", blobs.ReceivedBytes);
                w.WriteNumber("waiting", blobs.Waiting);
                w.WriteNumber("left", blobs.Left);
                w.WriteNumber("unsent", blobs.Unsent);
                w.WriteOptional("rest", rest == LaneHold.None ? null : Shown.Camel(rest));
                w.WriteEndObject();
                w.WriteNumber("bytes_sent", sent);
                w.WriteNumber("bytes_received", received);
                w.WriteNumber("seconds", Math.Round(time.TotalSeconds, 3));
            });
            return;
        }
        string who = done.Peer is { } id ? $"{Shown.Short(id)} ({Shown.Camel(done.PeerRole)})" : "the peer";
        output.Line($"In sync with {who} at {peer} after {Shown.Seconds(time)}: sent {Shown.Count(done.MutationsSent, "mutation")} "
            + $"({Shown.Bytes(sent)}), received {Shown.Number(done.MutationsReceived)} ({Shown.Bytes(received)})");
        if (blobs == default) return;
        string came = blobs.Received > 0 ? $"{Shown.Number(blobs.Received)} came ({Shown.Bytes(blobs.ReceivedBytes)})" : "none came";
        string more = (blobs.Waiting > 0 ? $", {Shown.Number(blobs.Waiting)} still to come" : "") + (blobs.Unsent > 0 ? $", {Shown.Number(blobs.Unsent)} not held there" : "")
            + (blobs.Left > 0 ? $", {Shown.Number(blobs.Left)} left there" : "");
        output.Line($"Attachments: {came}{more}{(more.Length > 0 ? "; 'crdt blob ls' tells of each" : "")}");
        if (rest != LaneHold.None && more.Length > 0) output.Line($"{WhyOf(rest)}: run it again to go on with the attachments.");
    }
}
