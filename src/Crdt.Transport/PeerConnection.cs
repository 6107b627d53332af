using System.Net;
using Crdt.Transport.Connections;
using Crdt.Transport.Lanes;
using Crdt.Transport.Security;
using Crdt.Transport.Sessions;

namespace Crdt.Transport;

/// <summary>A connection to another node, over which all spaces that both hold replicate. Safe for concurrent
/// calls.</summary>
/// <remarks>It ends by itself for many reasons; <see cref="Completion"/> tells which. Nothing is lost by an end at
/// any moment: the next connection goes on from what both sides hold durably.</remarks>
public sealed class PeerConnection : IAsyncDisposable
{
    private readonly ConnectionRun run;
    private readonly LanePlan lanes;

    internal PeerConnection(PeerNode node, IPeerStream stream, bool isDialler, ulong connectionId)
    {
        IsDialler = isDialler;
        RemoteEndPoint = stream.RemoteEndPoint;
        lanes = node.Lanes;
        run = new ConnectionRun(node, this, stream, isDialler, connectionId);
    }

    /// <summary>The other node's identity; <see cref="Guid.Empty"/> until its greeting came.</summary>
    public Guid PeerNodeId => run.PeerNodeId;

    /// <summary>The fingerprint of the key that the other node has proved to hold; <see langword="null"/> where the connection
    /// is not encrypted and proves nothing, and until the keys were exchanged.</summary>
    public NodeFingerprint? PeerFingerprint =>
        run.PeerKey.IsEmpty ? null : NodeFingerprint.Of(run.PeerKey.Span);

    /// <summary>The public key that the other node has proved to hold; empty where <see cref="PeerFingerprint"/> is
    /// <see langword="null"/>.</summary>
    public ReadOnlyMemory<byte> PeerKey => run.PeerKey;

    /// <summary>The other node's address.</summary>
    public EndPoint RemoteEndPoint { get; }

    /// <summary>Whether this side dialled.</summary>
    public bool IsDialler { get; }

    /// <summary>The spaces that both sides hold, and that replicate over this connection.</summary>
    public IReadOnlyList<SpaceId> Spaces => [.. run.Channels.Sessions.Select(session => session.Channel.Space)];

    /// <summary>How these spaces fare, in the order of their turns.</summary>
    public IReadOnlyList<LaneStatus> Lanes => run.Lanes.Describe();

    /// <summary>Bytes sent so far, all of them: headers, greetings, pings.</summary>
    public long BytesSent => run.Frames.BytesSent;

    /// <summary>Bytes received so far, all of them.</summary>
    public long BytesReceived => run.Frames.BytesReceived;

    /// <summary>The shortest round trip seen; <see langword="null"/> until one is known: at the dialler with the
    /// greeting, at the other side with the first ping.</summary>
    public TimeSpan? RoundTrip => run.Clock.RoundTrip;

    /// <summary>How far the peer's wall clock is ahead of ours, in milliseconds, taken at the shortest round trip
    /// and off by at most half of it; until a round trip is known, off by the way of the greeting.</summary>
    public long ClockSkewMs => run.Clock.SkewMs;

    /// <summary>Whether both sides are known to hold the same, durably, in all common spaces.</summary>
    public bool IsInSync => !Completion.IsCompleted && run.Channels.Sessions.All(session => session.Sync.IsInSync);

    /// <summary>Completes when the connection has ended, with the reason; it never fails.</summary>
    public Task<CloseReason> Completion => run.Completion;

    internal ConnectionRun Run => run;

    /// <summary>The address that was dialled; <see langword="null"/> when the peer dialled.</summary>
    internal EndPoint? Dialled { get; init; }

    /// <summary>What the replication of one space has done so far on this connection; <see langword="null"/> when the
    /// space is not replicated over it.</summary>
    public SyncProgress? GetProgress(SpaceId space) =>
        run.Channels.Sessions.FirstOrDefault(session => session.Channel.Space == space)?.Sync.Progress;

    /// <summary>Waits until both sides are known to hold the same, durably, in all common spaces.</summary>
    /// <exception cref="WireException">The connection ended before.</exception>
    public async Task WaitForSyncAsync(CancellationToken cancellationToken = default)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, run.Ending);
        try
        {
            while (!IsInSync)
            {
                ended.Token.ThrowIfCancellationRequested();
                foreach (SpaceSession session in run.Channels.Sessions)
                    await session.Sync.WaitForSyncAsync(ended.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (run.Ending.IsCancellationRequested
            && e is OperationCanceledException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            CloseReason reason = await Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
            throw reason.ToException();
        }
    }

    /// <summary>Waits until a space rests on this connection, or is not replicated over it.</summary>
    /// <returns>Why; <see cref="LaneHold.None"/> where it is not replicated over it.</returns>
    /// <exception cref="WireException">The connection ended before.</exception>
    public async Task<LaneHold> WaitForHoldAsync(SpaceId space, CancellationToken cancellationToken = default)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, run.Ending);
        var news = new Wakeup();
        lanes.Changed += news.Set;
        try
        {
            while (true)
            {
                if (run.Channels.Sessions.FirstOrDefault(s => s.Channel.Space == space) is not { } session) return LaneHold.None;
                if (run.Lanes.HoldOf(session) is not LaneHold.None and LaneHold hold) return hold;
                await news.WaitAsync(ended.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (run.Ending.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw (await Completion.WaitAsync(cancellationToken).ConfigureAwait(false)).ToException();
        }
        finally
        {
            lanes.Changed -= news.Set;
        }
    }

    /// <summary>Says farewell, waits for the peer's within <see cref="PeerNodeOptions.CloseTimeout"/>, and closes. A
    /// second call waits for the first.</summary>
    public async ValueTask CloseAsync()
    {
        run.End(new CloseReason(WireError.Closed, ByPeer: false, "Closed by this side."), sayFarewell: true);
        await Completion.ConfigureAwait(false);
    }

    /// <summary>The same as <see cref="CloseAsync"/>.</summary>
    public ValueTask DisposeAsync() => CloseAsync();

    /// <summary>The other side's name for people.</summary>
    public override string ToString() => run.Frames.Peer;
}
