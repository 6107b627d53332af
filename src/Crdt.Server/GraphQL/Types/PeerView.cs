using System.ComponentModel;
using Crdt.Server.Hosting;
using Crdt.Transport;
using Crdt.Transport.Lanes;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Peer")]
[Description("A node that this server talks with, or tries to.")]
internal sealed class PeerView(string address, Guid? node, PeerConnection? connection, PeerAttempts? attempts, SpaceId space, LanePlan? lanes)
{
    public string Address => address;

    [Description("The node: the replica id of the device, where it is a crdt one.")]
    public Guid? NodeId => node;

    public bool IsConnected => connection is not null;

    [Description("Whether the two hold the same now.")]
    public bool IsInSync => connection?.IsInSync == true;

    public long BytesSent => connection?.BytesSent ?? 0;

    public long BytesReceived => connection?.BytesReceived ?? 0;

    [Description("Mutations still to be sent to it.")]
    public long? ToSend => connection?.GetProgress(space)?.MutationsOutstanding;

    [Description("Mutations still to be received from it.")]
    public long? ToReceive => connection?.GetProgress(space)?.MutationsExpected;

    [Description("When the space has its turn on the connection, and what rests; null while there is none.")]
    public LaneView? Lane => connection is not null && node is { } id && connection.Lanes.FirstOrDefault(l => l.Space == space) is { } lane
        ? new LaneView(lane, lanes!.Find(id, space)) : null;

    [Description("Failed attempts since the last that succeeded.")]
    public int Attempts => attempts?.Attempts ?? 0;

    public string? LastError => attempts?.LastError?.Message;

    public DateTimeOffset? LastErrorAt => attempts?.LastError?.At;

    public DateTimeOffset? NextAttemptAt => attempts?.NextAttempt;

    public DateTimeOffset? LastSuccessAt => attempts?.LastSuccess;

    /// <summary>Everybody there is.</summary>
    internal static IEnumerable<PeerView> All(ServerSpace space)
    {
        IReadOnlyList<PeerConnection> connections = space.Node?.Connections ?? [];
        foreach (PeerConnection connection in connections)
            yield return new PeerView($"{connection.RemoteEndPoint}", connection.PeerNodeId, connection, null, space.Replica.Space, space.Node!.Lanes);
        foreach (PeerAttempts peer in space.Journal.Peers.Where(p => p.Node is null || connections.All(c => c.PeerNodeId != p.Node)))
            yield return new PeerView(peer.Peer, peer.Node, null, peer, space.Replica.Space, null);
    }
}
