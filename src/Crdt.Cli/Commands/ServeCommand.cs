using System.CommandLine;
using System.Net;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Cli.Pairing;
using Crdt.Cli.Peers;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Lanes;
using Crdt.Transport.Pairing;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt serve</c>: keeps a replica reachable and connected until it is told to stop.</summary>
internal static class ServeCommand
{
    private const string PostgresVariable = "CRDT_POSTGRES";

    private static readonly Option<IPEndPoint?> Listen = ListenOption(
        "Where to listen: 0.0.0.0:7370 for every network of this machine; port 0 lets the system choose. "
            + "Default: every network and any port, so that the devices of the space find it; with --plain or --no-discovery "
            + "127.0.0.1:0, this machine alone.");

    private static readonly Option<string[]> Peer = new("--peer", "-p")
    {
        HelpName = "HOST:PORT",
        Description = "A peer to stay connected with; dialled again whenever the connection ends. May be repeated.",
    };

    // As often as deleted entities and the log are looked at: both cost a pass over what is there.
    private static readonly TimeSpan Upkeep = TimeSpan.FromMinutes(10);

    // As a person looks on: a change is shown soon, and a stream of them as one.
    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(200);

    private static readonly Option<bool> Plain = CommonOptions.Plain();

    private static readonly Option<bool> Watch = new("--watch")
    {
        Description = "Also prints a line whenever the replica holds more than before.",
    };

    private static readonly Option<bool> NoDiscovery = CommonOptions.NoDiscovery();

    private static readonly Option<string?> Http = new("--http")
    {
        HelpName = "ADDRESS:PORT",
        Description = "Also answers GraphQL and shows a page there, as the server peer: 127.0.0.1:8080 for this machine. Needs ASP.NET Core, and the server role. "
            + "Which attachments it takes, said beside it, holds as long as it runs.",
    };

    private static readonly Option<string?> Issuer = new("--issuer")
    {
        HelpName = "URL",
        Description = "With --http: whose access tokens are believed (OAuth 2.0, by its discovery document).",
    };

    private static readonly Option<bool> Dev = new("--dev")
    {
        Description = "With --http: for development, with an issuer of tokens of its own, on this machine only.",
    };

    private static readonly Option<string?> Postgres = new("--postgres")
    {
        HelpName = "CONNECTION",
        Description = "With --http: keeps the replica in this PostgreSQL database (Host=...;Username=...;Database=...; or CRDT_POSTGRES in the "
            + "environment). One that is in files is moved there. Several servers of a space can be on one database.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create()
    {
        var serve = new Command("serve", "Replicates with every device of the space that connects or is near, until Ctrl-C or SIGTERM. The first line it "
            + "prints is where it listens. Where the space was founded it also lets in whom 'crdt pair' has invited.")
        {
            Listen, Peer, Plain, NoDiscovery, Watch, Http, Issuer, Dev, Postgres,
        };
        BlobOptions.AddTo(serve);
        LaneOptions.AddTo(serve);
        return (serve, RunAsync);
    }

    /// <summary>Reads a peer's address.</summary>
    internal static EndPoint ParsePeer(string text) => CommonOptions.EndPoint(text)
        ?? throw CliException.Usage($"'{text}' is not HOST:PORT, as in 127.0.0.1:7370.");

    /// <summary>Reads where to listen.</summary>
    internal static Option<IPEndPoint?> ListenOption(string description) => new("--listen", "-l")
    {
        HelpName = "ADDRESS:PORT",
        Description = description,
        CustomParser = result =>
        {
            string text = CommonOptions.Single(result);
            if (CommonOptions.EndPoint(text) is IPEndPoint endPoint) return endPoint;
            result.AddError($"'{text}' is not an address and a port, as in 127.0.0.1:7370.");
            return null;
        },
    };

    /// <summary>A node of this replica: recognised again, since it is named like the replica.</summary>
    /// <param name="context">Warns where nothing is encrypted.</param>
    /// <param name="host">The replica and its key.</param>
    /// <param name="isPlain">Whether to speak without encryption.</param>
    /// <param name="desk">Lets others in.</param>
    /// <exception cref="CliException">The space is open, and so has no keys to prove anything by.</exception>
    internal static PeerNode CreateNode(CliContext context, CliHost host, bool isPlain, PairingDesk? desk = null)
    {
        if (!isPlain && !host.Replica.IsKeyed)
        {
            throw new CliException(ExitCode.Precondition, $"The space '{host.Replica.SpaceName}' is open: nobody in it can prove who it is.",
                "--plain speaks without encryption, within this machine only. A space that 'crdt init' founds without --open is encrypted everywhere.");
        }
        if (!isPlain && host.Key is null)
        {
            throw new CliException(ExitCode.Store, $"The key of this device is missing: '{NodeKeyFile.PathIn(context.Data)}'.",
                "Bring it back from a backup; or have the device revoked, and pair it anew in another directory.");
        }
        if (isPlain) context.Output.Warn("Without encryption: whoever uses this machine can read along, and nobody proves who it is.");
        var node = new PeerNode(new PeerNodeOptions
        {
            NodeId = host.Replica.Id.Value,
            Journal = host.Journal,
            Key = isPlain ? null : host.Key,
            IsPlain = isPlain,
            Pairing = desk,
            AccessToken = context.TokenFile is { } file ? cancellation => ReadTokenAsync(file, cancellation) : null,
        });
        node.Add(host.Replica);
        return node;
    }

    // Anew for each connection: tokens live for an hour, and somebody else renews them.
    private static async ValueTask<string?> ReadTokenAsync(string file, CancellationToken cancellation)
    {
        try
        {
            return (await File.ReadAllTextAsync(file, cancellation)).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without one the server says what is wanted.
            return null;
        }
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EndPoint[] peers = [.. (context.Parsed.GetValue(Peer) ?? []).Select(ParsePeer)];
        if (context.Parsed.GetValue(Http) is { } http)
        {
            string? postgres = context.Parsed.GetValue(Postgres) ?? GlobalOptions.Named(PostgresVariable);
            return await ServerProcess.RunAsync(context, context.KeyFile, http, SettingsOf(context), postgres);
        }
        if (context.Parsed.GetValue(Issuer) is not null || context.Parsed.GetValue(Dev) || context.Parsed.GetValue(Postgres) is not null)
            throw CliException.Usage("--issuer, --dev and --postgres go with --http.");
        _ = BlobOptions.Read(context); // a mistake is told before anything is opened
        await using CliHost host = await context.OpenAsync(Upkeep);
        await BlobOptions.SetAsync(context, host.Replica);
        bool isPlain = context.Parsed.GetValue(Plain);
        using EcdsaNodeKey? authority = isPlain ? null : PairingFiles.OpenAuthority(context);
        PairingDesk? desk = authority is null ? null : await PairingFiles.OpenDeskAsync(context, host, authority);
        bool isDiscovering = !context.Parsed.GetValue(NoDiscovery);
        await using var discovery = new MdnsDiscovery();
        await using PeerNode node = CreateNode(context, host, isPlain, desk);
        node.Lanes.Budget = LaneOptions.Read(context);
        await using CaseList? cases = LaneOptions.ReadCases(context) is { } options ? new CaseList(node, host.Replica, options) : null;
        var log = new PeerEventLog(context.Output, host.Replica);
        IPEndPoint wanted = context.Parsed.GetValue(Listen)
            ?? new IPEndPoint(isPlain || !isDiscovering ? IPAddress.Loopback : IPAddress.Any, 0);
        IPEndPoint bound = await node.ListenAsync(wanted, context.Cancellation);
        using var place = new ListeningFile(context.Data, bound);
        log.Listening(bound);
        node.EventOccurred += (_, happened) => log.Write(happened);
        PeerLink[] links = [.. peers.Select(node.KeepConnected)];
        if (isDiscovering) node.Discover(discovery);
        await using var table = new PeerTableFile(
            context.Data, () => PeerTable.Take(host.Replica, node, links, context.Time.GetUtcNow(), isServed: true));
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task watching = context.Parsed.GetValue(Watch) ? WatchAsync(context, host.Replica, log) : Task.CompletedTask;
        await using (context.Cancellation.Register(stopped.SetResult)) await stopped.Task;
        await watching;
        // Closed here rather than by `using`, so that the farewells stand before the last line.
        await node.DisposeAsync();
        log.Stopped();
        return ExitCode.Ok;
    }

    private static IEnumerable<string> SettingsOf(CliContext context)
    {
        if (context.Parsed.GetValue(Watch)) throw CliException.Usage("--watch does not go with --http: subscriptions tell what happens.");
        bool isPlain = context.Parsed.GetValue(Plain), isDiscovering = !context.Parsed.GetValue(NoDiscovery) && !isPlain;
        IPEndPoint listen = context.Parsed.GetValue(Listen) ?? new IPEndPoint(isDiscovering ? IPAddress.Any : IPAddress.Loopback, 0);
        yield return $"--Crdt:Listen={listen}";
        yield return $"--Crdt:Discovery={isDiscovering}";
        yield return $"--Crdt:Plain={isPlain}";
        string[] peers = context.Parsed.GetValue(Peer) ?? [];
        for (int i = 0; i < peers.Length; i++) yield return $"--Crdt:Peers:{i}={peers[i]}";
        if (context.Parsed.GetValue(Issuer) is { } issuer) yield return $"--Crdt:Access:Issuer={issuer}";
        foreach (string setting in BlobOptions.SettingsOf(context).Concat(LaneOptions.SettingsOf(context))) yield return setting;
        if (context.Parsed.GetValue(Dev)) yield return "--dev";
    }

    private static async Task WatchAsync(CliContext context, Replica replica, PeerEventLog log)
    {
        VersionVector? shown = null;
        while (true)
        {
            VersionVector now = replica.Vector;
            if (!now.Equals(shown)) log.Holds(shown = now);
            try
            {
                await Task.Delay(WatchInterval, context.Time, context.Cancellation);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
