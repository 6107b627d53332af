using System.Net;
using Crdt.Cli.Pairing;
using Crdt.Server.Authorization;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Lanes;
using Crdt.Transport.Pairing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Crdt.Server.Hosting;

/// <summary>Replicates with devices and other servers, while the server runs.</summary>
internal sealed class PeerHost(
    ServerSpace space, TokenGate gate, ServerMetrics metrics, TimeProvider time, ILogger<PeerHost> logger, IOptions<CrdtServerOptions> settings) : IHostedService, IAsyncDisposable
{
    private EcdsaNodeKey? authority;
    private MdnsDiscovery? discovery;
    private ListeningFile? place;
    private CaseList? cases;

    /// <summary>Where it listens; <see langword="null"/> for nowhere.</summary>
    public IPEndPoint? Listening { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        CrdtServerOptions options = settings.Value;
        if (space.Feed is { } feed)
            feed.Refused += (_, reason) => logger.LogWarning("Database: what {Author} wrote waits for a session with a peer: {Error} {Message}", reason.Author, reason.Error, reason.Message);
        if (options.Listen is null && options.Peers.Count == 0 && !options.Discovery) return;
        IPEndPoint? address = options.Listen is null ? null
            : IPEndPoint.TryParse(options.Listen, out IPEndPoint? parsed) ? parsed
            : throw new InvalidOperationException($"Crdt:Listen: '{options.Listen}' is not an address and a port, as in 0.0.0.0:7370.");
        EndPoint[] peers = [.. options.Peers.Select(ParsePeer)];
        var node = new PeerNode(new PeerNodeOptions
        {
            NodeId = space.Replica.Id.Value,
            Journal = space.Journal,
            Key = options.Plain ? null : space.Key,
            IsPlain = options.Plain,
            Pairing = OpenDesk(options),
            PacksMessages = false, // thin clients write here who may not see everything: docs/threat-model.md
            Gate = options.Access.NeedsTokens ? gate : null,
            Budget = options.Budget.ToBudget(),
        });
        if (space.Steering.Error is { } unread) logger.LogWarning("Peers: what was steered before is forgotten: {Message}", unread.Message);
        space.Steering.Apply(node.Lanes, space.Replica.Space);
        space.Node = node;
        if (options.Assignee is { } assignee) cases = new CaseList(node, space.Replica, new CaseListOptions { Assignee = assignee });
        node.EventOccurred += (_, happened) => Log(happened);
        node.Add(space.Replica);
        if (address is not null)
        {
            Listening = await node.ListenAsync(address, cancellationToken);
            place = new ListeningFile(space.Data, Listening);
        }
        foreach (EndPoint peer in peers) node.KeepConnected(peer);
        if (options.Discovery) node.Discover(discovery = new MdnsDiscovery());
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (cases is not null) await cases.DisposeAsync();
        if (space.Node is { } node) await node.DisposeAsync();
        if (discovery is not null) await discovery.DisposeAsync();
        place?.Dispose();
        authority?.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private PairingDesk? OpenDesk(CrdtServerOptions options)
    {
        string path = NodeKeyFile.AuthorityPathIn(space.Data);
        if (options.Plain || !File.Exists(path) || space.Genesis is not { } genesis) return null;
        authority = space.OpenAuthority(path);
        return new PairingDesk(space.Replica, genesis, authority, new FilePairingBook(FilePairingBook.PathIn(space.Data), time), time);
    }

    private void Log(PeerNodeEvent happened)
    {
        metrics.Count(happened);
        LogLevel level = happened.Kind is PeerNodeEventKind.Refused or PeerNodeEventKind.Penalised or PeerNodeEventKind.AcceptFailed or PeerNodeEventKind.DiscoveryFailed
            ? LogLevel.Warning : LogLevel.Information;
        logger.Log(level, "Peers: {Event} {EndPoint} {Error} {Message}", happened.Kind, happened.EndPoint, happened.Error, happened.Message);
    }

    private static EndPoint ParsePeer(string text)
    {
        if (IPEndPoint.TryParse(text, out IPEndPoint? address) && address.Port > 0) return address;
        int colon = text.LastIndexOf(':');
        return colon > 0 && ushort.TryParse(text.AsSpan(colon + 1), out ushort port) && Uri.CheckHostName(text[..colon]) == UriHostNameType.Dns
            ? new DnsEndPoint(text[..colon], port)
            : throw new InvalidOperationException($"Crdt:Peers: '{text}' is not HOST:PORT, as in office.example:7370.");
    }
}
