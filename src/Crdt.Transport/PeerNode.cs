using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Crdt.Transport.Connections;
using Crdt.Transport.Discovery;
using Crdt.Transport.Frames;
using Crdt.Transport.Lanes;
using Crdt.Transport.Security;
using Crdt.Transport.Sessions;

namespace Crdt.Transport;

/// <summary>A node of the mesh: listens, dials, and replicates the spaces it was given with every node it is connected
/// to that has them too. Safe for concurrent calls.</summary>
/// <remarks>Connections are encrypted (TLS 1.3), both sides prove their keys, and a space replicates only with a node that
/// is enrolled in it and was not revoked. Without a key (<see cref="PeerNodeOptions.IsPlain"/>) a node speaks without
/// encryption and believes whom it is told, within this machine only. The replicas stay their owner's: dispose the node
/// first.</remarks>
public sealed partial class PeerNode : IAsyncDisposable
{
    private static readonly TimeSpan AcceptRetryDelay = TimeSpan.FromMilliseconds(500);

    private readonly Lock gate = new();
    private readonly IPeerTransport transport;
    private readonly ulong bootNonce;
    private readonly CancellationTokenSource lifetime = new();
    private readonly HashSet<PeerConnection> running = [];
    private readonly List<PeerConnection> admitted = [];
    private readonly List<PeerConnection> answered = []; // judged with the answer, and not yet admitted
    private readonly List<ConnectionRun> dialling = [];
    private readonly List<PeerLink> links = [];
    private readonly List<(IPeerListener Listener, Task Loop)> listeners = [];
    private Replica[] replicas = [];
    private ulong dialled;
    private long events;
    private bool disposed;

    /// <summary>Creates a node that neither listens nor dials yet.</summary>
    /// <param name="options">Its settings; the defaults are meant for the field.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting makes no sense.</exception>
    public PeerNode(PeerNodeOptions? options = null)
    {
        Options = options ?? new PeerNodeOptions();
        Options.Check();
        Lanes = new LanePlan(this);
        transport = Options.Transport ?? (Options.Key is { } key ? new TlsTransport(key) : new TcpTransport());
        NodeId = Options.NodeId ?? Guid.NewGuid();
        penalties = new Penalties(Options.TimeProvider, Options.PenaltyMin, Options.PenaltyMax);
        networkSettled = WatchNetwork();
        Received = new ReceiveBudget(Options.ReceiveBufferMax);
        bootNonce = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    }

    /// <summary>Something happened that an operator's log wants to know. Handlers run on the thread where it happened:
    /// they return soon, and what they throw is dropped.</summary>
    public event EventHandler<PeerNodeEvent>? EventOccurred;

    /// <summary>The node's identity towards others.</summary>
    public Guid NodeId { get; }

    /// <summary>The connections there are now, whose greeting is done.</summary>
    public IReadOnlyList<PeerConnection> Connections
    {
        get
        {
            lock (gate)
                return [.. admitted];
        }
    }

    /// <summary>The spaces that are replicated.</summary>
    public IReadOnlyList<SpaceId> Spaces => [.. Replicas.Select(replica => replica.Space)];

    /// <summary>Which spaces have their turn first, which rest, and what a connection may cost.</summary>
    public LanePlan Lanes { get; }

    internal PeerNodeOptions Options { get; }

    internal ReceiveBudget Received { get; }

    internal int HandshakesInProgress
    {
        get
        {
            lock (gate)
                return running.Count(connection => !connection.Run.Opened.IsCompleted);
        }
    }

    internal IReadOnlyList<Replica> Replicas => Volatile.Read(ref replicas);

    /// <summary>Replicates one more space: on the connections there are, where the peer has it too, and on those to
    /// come.</summary>
    /// <param name="replica">Stays the caller's, who disposes it after the node.</param>
    /// <exception cref="InvalidOperationException">The node has a replica of that space. Or it has a key, and the space is
    /// open, or its founding has not arrived, or the replica is enrolled with another key: nobody could be recognised
    /// there.</exception>
    public void Add(Replica replica)
    {
        ArgumentNullException.ThrowIfNull(replica);
        CheckKeys(replica);
        PeerConnection[] connections;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (Array.Exists(replicas, held => held.Space == replica.Space))
                throw new InvalidOperationException($"The node replicates space {replica.Space} already.");
            Volatile.Write(ref replicas, [.. replicas, replica]);
            connections = [.. admitted];
        }
        penalties.Forgive(WireError.NoCommonSpace);
        foreach (PeerConnection connection in connections)
            connection.Run.Offer(replica);
        nearby?.SpacesChanged();
    }

    /// <summary>Listens.</summary>
    /// <param name="endPoint">An address of this machine, a loopback address without encryption; port 0 lets the system choose
    /// one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Where it listens.</returns>
    /// <exception cref="WireException"><see cref="WireError.NotLoopback"/>, or <see
    /// cref="WireError.AddressUnavailable"/>.</exception>
    public async ValueTask<IPEndPoint> ListenAsync(IPEndPoint endPoint, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        return (IPEndPoint)await ListenAsync((EndPoint)endPoint, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Dials once.</summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The connection, its greeting done; the one there is already, if both nodes had one.</returns>
    /// <exception cref="WireException">Nobody answered, or the two did not come to terms.</exception>
    public async ValueTask<PeerConnection> ConnectAsync(
        EndPoint endPoint, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        if (FindConnected(endPoint as NearbyEndPoint) is { } there)
            return there;
        PeerConnection? connection = null;
        try
        {
            IPeerStream stream = await DialAsync(endPoint, cancellationToken).ConfigureAwait(false);
            connection = Start(stream, isDialler: true, endPoint);
            await connection.Run.Opened.WaitAsync(cancellationToken).ConfigureAwait(false);
            NoteSuccess(endPoint, connection.PeerNodeId);
            return connection;
        }
        catch (WireException e) when (e.Error == WireError.Duplicate && connection?.Run.DuplicateOf is not null)
        {
            NoteSuccess(endPoint, connection.Run.DuplicateOf.PeerNodeId);
            return connection.Run.DuplicateOf;
        }
        catch (WireException e)
        {
            if (!lifetime.IsCancellationRequested)
            {
                NoteFailure(endPoint, CloseReason.From(e));
                Report(PeerNodeEventKind.DialFailed, endPoint, connection, e.Error, e.Message);
            }
            throw;
        }
        catch (OperationCanceledException)
        {
            connection?.Run.Abort(new CloseReason(WireError.Closed, ByPeer: false, "The attempt was given up."));
            throw;
        }
    }

    /// <summary>Dials, and dials again for ever whenever there is no connection: with growing, random waits.</summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</param>
    /// <returns>How it goes; disposing it ends the dialling and closes its connection.</returns>
    public PeerLink KeepConnected(EndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        PeerLink link;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            link = new PeerLink(this, endPoint);
            links.Add(link);
        }
        link.Start();
        return link;
    }

    /// <summary>Stops listening and dialling, says farewell on every connection, and waits for their end.</summary>
    public async ValueTask DisposeAsync()
    {
        PeerLink[] linksToStop;
        (IPeerListener Listener, Task Loop)[] listenersToStop;
        lock (gate)
        {
            disposed = true;
            linksToStop = [.. links];
            listenersToStop = [.. listeners];
        }
        if (nearby is not null)
            await nearby.DisposeAsync().ConfigureAwait(false);
        LeaveNetwork();
        await lifetime.CancelAsync().ConfigureAwait(false);
        foreach ((IPeerListener listener, Task loop) in listenersToStop)
        {
            await listener.DisposeAsync().ConfigureAwait(false);
            await loop.ConfigureAwait(false);
        }
        PeerConnection[] toClose;
        lock (gate)
            toClose = [.. running];
        foreach (PeerConnection connection in toClose)
            connection.Run.End(NodeClosed(), sayFarewell: true);
        foreach (PeerConnection connection in toClose)
            await connection.Completion.ConfigureAwait(false);
        foreach (PeerLink link in linksToStop)
            await link.DisposeAsync().ConfigureAwait(false);
        if (Options.Transport is null)
            (transport as IDisposable)?.Dispose();
    }

    internal async ValueTask<EndPoint> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        IPeerListener listener = await transport.ListenAsync(endPoint, cancellationToken).ConfigureAwait(false);
        bool late;
        lock (gate)
        {
            late = disposed;
            if (!late)
                listeners.Add((listener, AcceptAsync(listener)));
        }
        if (late)
        {
            await listener.DisposeAsync().ConfigureAwait(false);
            throw new ObjectDisposedException(nameof(PeerNode));
        }
        Announce(listener.LocalEndPoint);
        Report(PeerNodeEventKind.Listening, listener.LocalEndPoint, null, WireError.None, $"Node {NodeId} listens.");
        return listener.LocalEndPoint;
    }

    /// <summary>Composes the greeting of a connection that this node dials, with what is known at this moment.</summary>
    internal Hello ComposeHello(
        ConnectionRun run, IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks, string? accessToken)
    {
        lock (gate)
        {
            Hello hello = Compose(run, spaces, asks, accessToken);
            dialling.Add(run);
            return hello;
        }
    }

    /// <summary>Composes the answer to a greeting, and judges in the same moment which connection to that node stays: what
    /// the answer lists is what the peer will judge by.</summary>
    /// <returns>The answer, and the connection that stays instead, or <see langword="null"/>.</returns>
    internal (Hello Answer, PeerConnection? Staying) ComposeAnswer(
        PeerConnection fresh, Hello greeting, IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks, string? accessToken)
    {
        PeerConnection? staying;
        List<(ConnectionRun, DuplicateVerdict)> leaving;
        Hello answer;
        lock (gate)
        {
            CheckOpen(fresh.Run);
            answer = Compose(fresh.Run, spaces, asks, accessToken);
            (staying, leaving) = Judge(fresh.Run, greeting);
            if (staying is null)
                answered.Add(fresh);
        }
        Leave(leaving);
        return (answer, staying);
    }

    /// <summary>Takes a connection whose greetings are done and whose peer is recognised.</summary>
    /// <returns>The connection to the same node that stays instead, or <see langword="null"/>.</returns>
    internal PeerConnection? Admit(PeerConnection fresh, Hello greeting)
    {
        ConnectionRun run = fresh.Run;
        List<(ConnectionRun, DuplicateVerdict)> leaving = [];
        bool isFull;
        lock (gate)
        {
            dialling.Remove(run);
            CheckOpen(run);
            if (run.IsDialler)
            {
                (PeerConnection? staying, leaving) = Judge(run, greeting);
                if (staying is not null)
                    return staying;
            }
            else if (!answered.Remove(fresh))
            {
                throw Superseded(run).ToException(); // since its greeting was answered
            }
            isFull = admitted.Count >= Options.ConnectionsMax;
            if (!isFull)
                admitted.Add(fresh);
        }
        Leave(leaving);
        if (isFull)
        {
            throw new WireException(
                WireError.TooManyConnections, $"Node {NodeId} has {Options.ConnectionsMax} connections, its limit.");
        }
        Report(PeerNodeEventKind.Connected, fresh.RemoteEndPoint, fresh, WireError.None,
            fresh.IsDialler ? $"Dialled {fresh}." : $"Dialled by {fresh}.");
        return null;
    }

    /// <summary>A connection has begun to end: others need not consider it any more.</summary>
    internal void Retire(PeerConnection connection)
    {
        lock (gate)
        {
            admitted.Remove(connection);
            answered.Remove(connection);
            dialling.Remove(connection.Run);
        }
    }

    /// <summary>A connection has ended.</summary>
    internal void Ended(PeerConnection connection, CloseReason reason)
    {
        lock (gate)
            running.Remove(connection);
        bool wasOpen = connection.Run.Opened.IsCompletedSuccessfully;
        if (wasOpen && connection.Dialled is { } dialledAt && reason.Error is not (WireError.Closed or WireError.Duplicate))
            NoteFailure(dialledAt, reason);
        if (wasOpen)
            Report(PeerNodeEventKind.Disconnected, connection.RemoteEndPoint, connection, reason.Error, reason.Message);
        else if (!connection.IsDialler && !connection.Run.HasPaired)
            Report(PeerNodeEventKind.Refused, connection.RemoteEndPoint, connection, reason.Error, reason.Message);
        if (reason.Error != WireError.Penalised)
            Judge(connection, reason);
    }

    /// <summary>A device was let into a space.</summary>
    internal void ReportPaired(PeerConnection connection, Enrolment paired) => Report(
        PeerNodeEventKind.Paired, connection.RemoteEndPoint, connection, WireError.None,
        $"Replica {paired.Replica} of {NodeFingerprint.Of(paired.PublicKey.Span).Short} was let in as a {paired.Role.ToString().ToLowerInvariant()}.");

    /// <summary>How a peer is named in the journal.</summary>
    internal static string NameOf(EndPoint endPoint) => endPoint is DnsEndPoint dns
        ? string.Create(CultureInfo.InvariantCulture, $"{dns.Host}:{dns.Port}")
        : endPoint.ToString()!;

    internal void Forget(PeerLink link)
    {
        lock (gate)
            links.Remove(link);
    }

    /// <summary>The connection to the same node that is there now, if there is one.</summary>
    internal PeerConnection? FindSame(PeerConnection other)
    {
        lock (gate)
            return admitted.Find(connection => connection.Run.IsOfSameNode(other.Run));
    }

    private void NoteSuccess(EndPoint endPoint, Guid node)
    {
        DateTimeOffset now = Options.TimeProvider.GetUtcNow();
        Options.Journal?.Update(NameOf(endPoint), peer => peer.Succeeded(now, node));
    }

    private void NoteFailure(EndPoint endPoint, CloseReason reason)
    {
        var failure = new SyncFailure(Options.TimeProvider.GetUtcNow(), reason.Class, reason.Error.ToString(), reason.Message);
        Options.Journal?.Update(NameOf(endPoint), peer => peer.Failed(failure));
    }

    private Hello Compose(
        ConnectionRun run, IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks, string? accessToken)
    {
        // Whom one is dialling, one does not know yet: all those count.
        IEnumerable<ConnectionRun> known = admitted.Concat(answered).Select(connection => connection.Run)
            .Where(held => run.IsDialler || held.IsOfSameNode(run))
            .Concat(dialling);
        ulong[]? holds = [.. known.Select(held => held.Facts.ConnectionId).Take(MessageFormat.HoldsMax + 1)];
        if (holds.Length > MessageFormat.HoldsMax)
            holds = null;
        run.Facts = run.Facts with { OwnHolds = holds, ComposedAt = ++events };
        return new Hello
        {
            VersionMin = MessageFormat.Version,
            VersionMax = MessageFormat.Version,
            NodeId = NodeId,
            BootNonce = bootNonce,
            ConnectionId = run.Facts.ConnectionId,
            WallClockMs = Options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds(),
            DataLengthBytesMax = FrameFormat.DataLengthBytesMax,
            Spaces = spaces,
            Holds = holds,
            TakesPacked = Options.PacksMessages,
            Asks = asks,
            AccessToken = accessToken,
        };
    }

    // Which connections to the same node give way to a fresh one: they count no more from this moment.
    private (PeerConnection? Staying, List<(ConnectionRun, DuplicateVerdict)> Leaving) Judge(ConnectionRun run, Hello greeting)
    {
        var leaving = new List<(ConnectionRun, DuplicateVerdict)>();
        run.Facts = run.Facts with { BootNonce = greeting.BootNonce, PeerHolds = greeting.Holds };
        PeerConnection[] same = [.. admitted.Concat(answered).Where(old => old.Run.IsOfSameNode(run))];
        foreach (PeerConnection old in same)
        {
            DuplicateVerdict verdict = DuplicateRule.Judge(old.Run.Facts, run.Facts, (NodeId, bootNonce), run.PeerNodeId);
            if (verdict == DuplicateVerdict.KeepOld)
                return (old, []);
            leaving.Add((old.Run, answered.Contains(old) ? DuplicateVerdict.OldIsDead : verdict)); // which reads no word yet
        }
        admitted.RemoveAll(same.Contains);
        answered.RemoveAll(same.Contains);
        run.Facts = run.Facts with { AdmittedAt = ++events };
        return (null, leaving);
    }

    private void CheckOpen(ConnectionRun run)
    {
        if (run.IsClosing || disposed)
            throw NodeClosed().ToException();
    }

    private static void Leave(List<(ConnectionRun, DuplicateVerdict)> leaving)
    {
        foreach ((ConnectionRun old, DuplicateVerdict verdict) in leaving)
            Leave(old, verdict);
    }

    private static void Leave(ConnectionRun old, DuplicateVerdict verdict)
    {
        if (verdict == DuplicateVerdict.OldIsDead)
        {
            old.Abort(new CloseReason(
                WireError.Lost, ByPeer: false, $"{old.Frames.Peer} came back without this connection."));
        }
        else
        {
            old.End(Superseded(old), sayFarewell: true);
        }
    }

    private void CheckKeys(Replica replica)
    {
        if (Options.Key is not { } key)
            return;
        if (!replica.IsKeyed)
        {
            throw new InvalidOperationException(
                $"Space {replica.Space} is open, or its founding has not arrived: nobody is enrolled, and so nobody can be recognised. "
                + "Open spaces replicate without encryption, within one machine.");
        }
        if (replica.OwnEnrolment is { } own && !own.PublicKey.Span.SequenceEqual(key.PublicKey.Span))
            throw new InvalidOperationException($"Replica {replica.Id} is enrolled with another key than the node's.");
    }

    private static CloseReason Superseded(ConnectionRun run) =>
        new(WireError.Duplicate, ByPeer: false, $"{run.Frames.Peer} has another connection; that one stays.");

    private static CloseReason NodeClosed() => new(WireError.Closed, ByPeer: false, "The node was closed.");

    private async ValueTask<IPeerStream> DialAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(Options.HandshakeTimeout, Options.TimeProvider);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, deadline.Token, lifetime.Token);
        try
        {
            return await transport.ConnectAsync(endPoint, stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            if (lifetime.IsCancellationRequested)
                throw NodeClosed().ToException();
            throw new WireException(
                WireError.Unreachable, $"{endPoint} did not answer within {Options.HandshakeTimeout}.", e);
        }
    }

    private PeerConnection Start(IPeerStream stream, bool isDialler, EndPoint? dialledAt = null)
    {
        PeerConnection connection;
        lock (gate)
        {
            if (disposed)
            {
                stream.Abort();
                throw NodeClosed().ToException();
            }
            ulong connectionId = isDialler ? unchecked(bootNonce + ++dialled) : 0;
            connection = new PeerConnection(this, stream, isDialler, connectionId) { Dialled = dialledAt };
            running.Add(connection);
        }
        _ = connection.Run.RunAsync(); // never fails: it ends in the connection's completion
        return connection;
    }

    private async Task AcceptAsync(IPeerListener listener)
    {
        try
        {
            while (true)
            {
                try
                {
                    if (await listener.AcceptAsync(lifetime.Token).ConfigureAwait(false) is not IPeerStream stream)
                        return;
                    await TakeAsync(stream).ConfigureAwait(false);
                }
                catch (WireException e)
                {
                    Report(PeerNodeEventKind.AcceptFailed, listener.LocalEndPoint, null, e.Error, e.Message);
                    await Task.Delay(AcceptRetryDelay, Options.TimeProvider, lifetime.Token).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (lifetime.IsCancellationRequested)
        {
            // The node is being disposed.
        }
    }

    private async ValueTask TakeAsync(IPeerStream stream)
    {
        if (HandshakeRefusal(stream) is not string refusal)
        {
            Start(stream, isDialler: false);
            return;
        }

        // A few bytes into the fresh connection's buffer; no wait for whoever it is.
        Report(PeerNodeEventKind.Refused, stream.RemoteEndPoint, null, WireError.TooManyConnections, refusal);
        await using (stream.ConfigureAwait(false))
        {
            using var frames = new FramedConnection(stream, Options.TimeProvider);
            MessageFormat.WriteFarewell(
                frames.Outgoing, FrameType.Reject, new Farewell(WireError.TooManyConnections, 0, refusal));
            try
            {
                await frames.FlushAsync(lifetime.Token).ConfigureAwait(false);
            }
            catch (WireException)
            {
                // Gone before it could be told.
            }
        }
    }

    private string? HandshakeRefusal(IPeerStream stream)
    {
        string source = SourceOf(stream.RemoteEndPoint);
        // Where strangers have broken rules one is heard at a time; who that is shows in the greeting.
        int perSource = AddressOf(stream.RemoteEndPoint) is { } address && penalties.Find(address) is not null
            ? 1 : Options.HandshakesPerAddressMax;
        lock (gate)
        {
            int handshakes = 0;
            int fromSource = 0;
            foreach (PeerConnection connection in running)
            {
                if (connection.IsDialler || connection.Run.Opened.IsCompleted)
                    continue;
                handshakes++;
                if (SourceOf(connection.RemoteEndPoint) == source)
                    fromSource++;
            }
            if (handshakes >= Options.HandshakesMax)
                return $"{Options.HandshakesMax} connections wait for their greeting, the limit.";
            return fromSource >= perSource
                ? $"{perSource} connections from {source} wait for their greeting, the limit."
                : null;
        }
    }

    private static string SourceOf(EndPoint endPoint) =>
        (endPoint is IPEndPoint address ? address.Address.ToString() : endPoint.ToString()) ?? string.Empty;

    internal void Report(
        PeerNodeEventKind kind, EndPoint endPoint, PeerConnection? connection, WireError error, string message)
    {
        try
        {
            EventOccurred?.Invoke(this, new PeerNodeEvent(
                kind, Options.TimeProvider.GetUtcNow(), endPoint, connection, error, message));
        }
        catch (Exception)
        {
            // A log that fails must not end connections.
        }
    }
}
