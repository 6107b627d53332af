using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Security;

namespace Crdt.Transport.Sessions;

/// <summary>The life of one connection: greeting, then a reader and a writer side by side, watched by a timer, then
/// the farewell. Nothing in it queues: the writer asks a session for its next message when the pipe has room.
/// </summary>
[SuppressMessage(
    "Design", "CA1001", Justification = "The sources have no timer; disposing them would race with late callers.")]
internal sealed class ConnectionRun
{
    // Of a space, beside the runs that were granted: what there may be of messages that are not.
    private const int MessagesLengthBytes = 256 << 10;

    private readonly PeerNode node;
    private readonly PeerConnection connection;
    private readonly IPeerStream stream;
    private readonly PeerNodeOptions options;
    private readonly TimeProvider time;
    private readonly Pings pings;
    private readonly Deadlines deadlines;
    private readonly MessagePacking packing;
    private readonly SessionTurns turns;
    private readonly Inbox inbox;
    private readonly Inbox blobInbox;
    private readonly ITimer watch;
    private readonly Lock gate = new();
    private readonly Wakeup writerCall = new();
    private readonly CancellationTokenSource ending = new(); // no more sync is to be expected
    private readonly CancellationTokenSource aborted = new(); // stop at once
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<CloseReason> completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private CloseReason? reason;
    private Farewell? farewell;
    private bool peerParted;
    private bool streamEnded;
    private long closingAt;
    private long passEnds = long.MaxValue;

    public ConnectionRun(
        PeerNode node, PeerConnection connection, IPeerStream stream, bool isDialler, ulong connectionId)
    {
        this.node = node;
        this.connection = connection;
        this.stream = stream;
        IsDialler = isDialler;
        options = node.Options;
        time = options.TimeProvider;
        Frames = new FramedConnection(stream, time) { Peer = stream.RemoteEndPoint.ToString() ?? "the peer" };
        Channels = new ChannelSet(isDialler, options.Sync, writerCall.Set);
        Clock = new PeerClock(time);
        pings = new Pings(Clock, time);
        deadlines = new Deadlines(Frames, options);
        packing = new MessagePacking(time);
        Lanes = new ConnectionLanes(node, this, time);
        turns = new SessionTurns(Frames.Outgoing, Lanes, packing, writerCall, Fail, aborted.Token);
        inbox = new Inbox(node.Received, options.Sync.CreditBytes + MessagesLengthBytes, ApplyAsync);
        blobInbox = new Inbox(node.Received, BlobExchange.ReceivedLengthBytesMax, ApplyBlobAsync);
        Facts = new LinkFacts(connectionId, isDialler, 0, null, null, 0, 0);
        Ending = ending.Token;
        watch = time.CreateTimer(
            static state => ((ConnectionRun)state!).Watch(), this, options.WatchInterval, options.WatchInterval);
    }

    public bool IsDialler { get; }

    public FramedConnection Frames { get; }

    public ChannelSet Channels { get; }

    public PeerClock Clock { get; }

    /// <summary>The turns of the spaces.</summary>
    public ConnectionLanes Lanes { get; }

    public Guid PeerNodeId { get; private set; }

    /// <summary>The key that the peer has proved to hold; empty where a connection proves nothing.</summary>
    public ReadOnlyMemory<byte> PeerKey => Channels.Peer.Key;

    /// <summary>Whether two connections lead to the same node: what a node calls itself counts only for its own key.
    /// </summary>
    public bool IsOfSameNode(ConnectionRun other) =>
        PeerNodeId == other.PeerNodeId && PeerKey.Span.SequenceEqual(other.PeerKey.Span);

    /// <summary>Whether it has let a device into a space, which was all that it was for.</summary>
    public bool HasPaired { get; private set; }

    /// <summary>Whether the end has begun.</summary>
    public bool IsClosing => Volatile.Read(ref reason) is not null;

    /// <summary>Changed and read under the node's lock once the greeting is composed.</summary>
    public LinkFacts Facts { get; set; }

    /// <summary>The connection to the same node that stays instead, when this one was the duplicate.</summary>
    public PeerConnection? DuplicateOf { get; private set; }

    /// <summary>Cancelled when the end has begun.</summary>
    public CancellationToken Ending { get; }

    public Task<CloseReason> Completion => completion.Task;

    /// <summary>Completes when the greeting is done; fails when it came to nothing.</summary>
    public Task Opened => opened.Task;

    public async Task RunAsync()
    {
        Task writing = Task.CompletedTask;
        try
        {
            await OpenAsync().ConfigureAwait(false);
            if (stream.Purpose == StreamPurpose.Pairing)
            {
                await PairAsync().ConfigureAwait(false);
            }
            else
            {
                await GreetAsync().ConfigureAwait(false);
                opened.TrySetResult();
                writing = WriteAsync();
                await ReadAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            await DrainAsync().ConfigureAwait(false); // what came before it counts
            Fail(e);
            if (e is WireException { Error: WireError.Lost or WireError.Truncated })
                Abort(CloseReason.From((WireException)e)); // the writer has nobody to write to
        }
        try
        {
            await writing.ConfigureAwait(false);
            await PartAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Fail(e); // whatever it is, the end must become known
        }
        await CleanUpAsync().ConfigureAwait(false);
    }

    /// <summary>Begins the end: the first reason stands, unless it was a mere loss and the peer's last words say
    /// more.</summary>
    public void End(CloseReason why, bool sayFarewell)
    {
        lock (gate)
        {
            if (reason is not null && !(reason is { Error: WireError.Lost, ByPeer: false } && why.ByPeer))
                return;
            if (reason is null)
            {
                closingAt = time.GetTimestamp();
                if (sayFarewell)
                    farewell = FarewellFor(why);
            }
            reason = why;
        }
        node.Retire(connection);
        writerCall.Set();
        ending.Cancel();
    }

    /// <summary>Ends at once, without a word.</summary>
    public void Abort(CloseReason why)
    {
        End(why, sayFarewell: false);
        aborted.Cancel();
        stream.Abort();
    }

    /// <summary>Says that there is something to write.</summary>
    public void Call() => writerCall.Set();

    /// <summary>Takes a space that was added to the node.</summary>
    public void Offer(Replica replica)
    {
        if (Channels.Offer(replica))
            writerCall.Set();
    }

    private async ValueTask OpenAsync()
    {
        await stream.OpenAsync(aborted.Token).ConfigureAwait(false);
        Channels.Peer = new PeerRecognition(stream.PeerKey);
        if (!stream.PeerKey.IsEmpty)
            Frames.Peer = $"{NodeFingerprint.Of(stream.PeerKey.Span).Short} at {stream.RemoteEndPoint}";
        node.RefusePenalised(this, stream);
    }

    // The dialler wants to be let into a space, and nothing else.
    private async ValueTask PairAsync()
    {
        if (options.Pairing is not { } desk || options.Key is not { } key)
            throw new WireException(WireError.PairingClosed, "Nobody is let into a space here.");
        deadlines.BeginPairing();
        Enrolment paired = await desk.ServeAsync(Frames, stream.PeerKey, key.PublicKey, aborted.Token).ConfigureAwait(false);
        HasPaired = true;
        node.ReportPaired(connection, paired);
        End(new CloseReason(WireError.Closed, ByPeer: false, "Paired."), sayFarewell: true);
    }

    private async ValueTask GreetAsync()
    {
        long sentAt = 0;
        if (IsDialler)
        {
            await ComposeGreetingAsync(null).ConfigureAwait(false);
            // Before the first byte goes: what holds this thread up afterwards is part of the way, and so of the error.
            sentAt = time.GetTimestamp();
            await Frames.FlushAsync(aborted.Token).ConfigureAwait(false);
        }

        Hello hello = await ReadHelloAsync().ConfigureAwait(false);
        Judge(hello);
        packing.IsAgreed = hello.TakesPacked && options.PacksMessages;
        if (stream.PeerKey.IsEmpty)
            node.RefusePenalised(this, stream);
        await PassGateAsync(hello).ConfigureAwait(false);
        if (IsDialler)
            Clock.Answered(sentAt, hello.WallClockMs);
        else
            Clock.Heard(hello.WallClockMs);
        Channels.Learn(hello.Spaces, hello.Asks, Frames.Peer);
        if (!IsDialler)
        {
            Facts = Facts with { ConnectionId = hello.ConnectionId };
            await ComposeGreetingAsync(hello).ConfigureAwait(false);
        }
        if (Channels.KeepCommon() == 0 && hello.Spaces.Count
            < (hello.AccessToken is null ? MessageFormat.HelloSpacesMax : MessageFormat.HelloSpacesWithTokenMax))
            throw NothingInCommon();
        Frames.Advance();
        if (DuplicateOf is null)
        {
            await RecogniseAsync().ConfigureAwait(false);
            DuplicateOf = node.Admit(connection, hello);
        }
        Frames.Greeted = true;
        if (DuplicateOf is not null)
        {
            throw new WireException(
                WireError.Duplicate, $"{Frames.Peer} is connected already; that connection stays.");
        }
        foreach (Replica replica in node.Replicas)
            Channels.Offer(replica);
    }

    // The greeting and, of each space, the first message: they travel together.
    private async ValueTask ComposeGreetingAsync(Hello? answers)
    {
        string? token = await FindTokenAsync().ConfigureAwait(false);
        (IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks) = Channels.DeclareInHello(
            node.Replicas, token is null ? MessageFormat.HelloSpacesMax : MessageFormat.HelloSpacesWithTokenMax);
        if (spaces.Count == 0 && Channels.MetRevoked)
            throw NothingInCommon();
        Hello hello;
        if (answers is null)
            hello = node.ComposeHello(this, spaces, asks, token);
        else
            (hello, DuplicateOf) = node.ComposeAnswer(connection, answers, spaces, asks, token);
        MessageFormat.WriteHello(Frames.Outgoing, hello);
        Lanes.WriteNews(Frames.Outgoing, () => spaces);
        WriteProofs(Channels.TakeOwedProofs());
        foreach (SpaceSession session in Channels.Sessions)
            await turns.WriteNextAsync(session).ConfigureAwait(false);
    }

    // A token is a secret: it is shown to servers of one's own spaces alone, whose keys they have proved to hold.
    private async ValueTask<string?> FindTokenAsync()
    {
        if (options.AccessToken is not { } find || !(stream.PeerKey.IsEmpty || IsServer()))
            return null;
        string? token = await find(aborted.Token).ConfigureAwait(false);
        return token?.Length <= MessageFormat.AccessTokenLengthMax ? token : null;
    }

    private bool IsServer() => node.Replicas.Any(replica => replica.Enrolments.Any(
        enrolment => enrolment.Role == ReplicaRole.Server && enrolment.PublicKey.Span.SequenceEqual(stream.PeerKey.Span)));

    private async ValueTask PassGateAsync(Hello hello)
    {
        if (options.Gate is not { } judge)
            return;
        SessionPass pass = await judge.AdmitAsync(
            new SessionCandidate(hello.NodeId, stream.PeerKey, hello.AccessToken, IsServer()), aborted.Token).ConfigureAwait(false);
        if (pass.Problem is { } problem)
            throw new WireException(WireError.AccessTokenRefused, $"{Frames.Peer} is not let in: {problem}");
        Volatile.Write(ref passEnds, pass.Until?.UtcTicks ?? long.MaxValue);
    }

    // Until there is a space in which the peer is known to be enrolled it stays a stranger, with a stranger's limits. And a
    // dialler that was asked to show its enrolment everywhere is not let in before the first message.
    private async ValueTask RecogniseAsync()
    {
        WriteProofs(Channels.TakeOwedProofs());
        bool awaitsWelcome = IsDialler && Channels.IsStranger;
        while (Channels.Sessions.Count == 0 || awaitsWelcome)
        {
            await Frames.FlushAsync(aborted.Token).ConfigureAwait(false);
            Frame frame = await Frames.ReadAsync(aborted.Token).ConfigureAwait(false)
                ?? throw new WireException(WireError.Lost, $"{Frames.Peer} closed the connection before it was recognised.");
            if (frame.Type is FrameType.Bye or FrameType.Reject)
                throw TakeFarewell(frame);
            awaitsWelcome &= frame.Type != FrameType.Data;
            await HandleAsync(frame).ConfigureAwait(false);
            Frames.Advance();
            await DrainAsync().ConfigureAwait(false);
            if (Volatile.Read(ref reason) is { } ended)
                throw ended.ToException();
        }
    }

    private void WriteProofs(IReadOnlyList<SpaceChannel> owed)
    {
        foreach (SpaceChannel space in owed)
        {
            Enrolment? own = node.Replicas.FirstOrDefault(replica => replica.Space == space.Space)?.OwnEnrolment;
            MessageFormat.WriteProof(Frames.Outgoing, space.Number, own);
        }
    }

    private void TakeProof(in Frame frame)
    {
        (int channel, Enrolment? shown) = MessageFormat.ReadProof(frame, Frames.Peer);
        NodeStanding? standing = Channels.TakeProof(channel, shown, Frames.Peer);
        if (standing is NodeStanding.Unknown or NodeStanding.Revoked
            && Channels.Sessions.Count == 0 && Channels.CountStrangers() == 0)
            throw NothingInCommon(isStranger: true);
        writerCall.Set();
    }

    private WireException NothingInCommon(bool isStranger = false)
    {
        if (Channels.MetRevoked)
            return new WireException(WireError.KeyRevoked, $"The key of {Frames.Peer} has been revoked.");
        return isStranger
            ? new WireException(
                WireError.NotEnrolled, $"{Frames.Peer} is enrolled in none of the spaces that it asked for: it is to be paired first.")
            : new WireException(WireError.NoCommonSpace, $"{Frames.Peer} and this node have no space in common.");
    }

    private WireException? Revoked(SpaceSession session) => Channels.Peer.IsRevokedIn(session.Replica)
        ? new WireException(
            WireError.KeyRevoked, $"The key of {Frames.Peer} has been revoked in space {session.Channel.Space}.")
        : null;

    private async ValueTask<Hello> ReadHelloAsync()
    {
        while (true)
        {
            Frame frame = await Frames.ReadAsync(aborted.Token).ConfigureAwait(false)
                ?? throw new WireException(WireError.Lost, $"{Frames.Peer} closed the connection before a greeting.");
            switch (frame.Type)
            {
                case FrameType.Hello:
                    return MessageFormat.ReadHello(frame, Frames.Peer);
                case FrameType.Reject or FrameType.Bye:
                    throw TakeFarewell(frame);
                case FrameType.Ping or FrameType.Pong or FrameType.Spaces or FrameType.Proof or FrameType.Pair or FrameType.Lanes or FrameType.Data:
                    throw Unexpected(frame);
                default:
                    SkipUnknown(frame);
                    break;
            }
            Frames.Advance();
        }
    }

    private void Judge(Hello hello)
    {
        if (hello.VersionMin > MessageFormat.Version || hello.VersionMax < MessageFormat.Version)
        {
            throw new WireException(
                WireError.VersionNotSupported,
                $"{Frames.Peer} speaks protocol versions {hello.VersionMin} to {hello.VersionMax}, this node "
                + $"{MessageFormat.Version}.");
        }
        if (hello.NodeId == node.NodeId)
            throw new WireException(WireError.ConnectionToSelf, $"{Frames.Peer} is this node itself.");
        if (IsDialler && hello.ConnectionId != Facts.ConnectionId)
            throw new WireException(WireError.Malformed, $"{Frames.Peer} answers to another connection's greeting.");
        PeerNodeId = hello.NodeId;
        Frames.Peer = stream.PeerKey.IsEmpty
            ? $"{hello.NodeId} at {stream.RemoteEndPoint}"
            : $"{hello.NodeId} ({NodeFingerprint.Of(stream.PeerKey.Span).Short}) at {stream.RemoteEndPoint}";
    }

    private async ValueTask ReadAsync()
    {
        while (true)
        {
            if (await Frames.ReadAsync(aborted.Token).ConfigureAwait(false) is not Frame frame)
            {
                streamEnded = true;
                if (!IsClosing)
                    throw new WireException(WireError.Lost, $"{Frames.Peer} closed the connection without a farewell.");
                return;
            }
            if (frame.Type is FrameType.Bye or FrameType.Reject)
                throw TakeFarewell(frame);
            if (!IsClosing)
                await HandleAsync(frame).ConfigureAwait(false);
            Frames.Advance();
        }
    }

    private ValueTask HandleAsync(in Frame frame)
    {
        switch (frame.Type)
        {
            case FrameType.Data:
                int channel = MessageFormat.ReadData(frame, Frames.Peer, out ReadOnlySequence<byte> message);
                SpaceSession? session = Channels.Find(channel, Frames.Peer);
                if (frame.Flags.HasFlag(FrameFlags.Packed))
                    message = Unpack(frame, channel, message, session);
                return session is null ? ValueTask.CompletedTask : TakeAsync(inbox, session, message);
            case FrameType.Blob:
                int lane = MessageFormat.ReadData(frame, Frames.Peer, out ReadOnlySequence<byte> aboutBlobs);
                return Channels.Find(lane, Frames.Peer) is { } spaceSession
                    ? TakeAsync(blobInbox, spaceSession, aboutBlobs) : ValueTask.CompletedTask;
            case FrameType.Ping:
                pings.Take(MessageFormat.ReadPing(frame, Frames.Peer));
                writerCall.Set();
                break;
            case FrameType.Pong:
                pings.Take(MessageFormat.ReadPong(frame, Frames.Peer));
                break;
            case FrameType.Spaces:
                (IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks) = MessageFormat.ReadSpaces(frame, Frames.Peer);
                Channels.Learn(spaces, asks, Frames.Peer);
                writerCall.Set();
                foreach (Replica replica in node.Replicas)
                    Offer(replica);
                break;
            case FrameType.Proof:
                TakeProof(frame);
                break;
            case FrameType.Lanes:
                (IReadOnlyList<LaneWish> wishes, long? leftBytes) = MessageFormat.ReadLanes(frame, Frames.Peer);
                Lanes.Learn(wishes, leftBytes);
                writerCall.Set();
                node.Lanes.Tell();
                break;
            case FrameType.Hello or FrameType.Pair:
                throw Unexpected(frame);
            default:
                SkipUnknown(frame);
                break;
        }
        return ValueTask.CompletedTask;
    }

    // Without a session nobody here has said anything in the space, and so nobody may answer with a packed message.
    private ReadOnlySequence<byte> Unpack(in Frame frame, int channel, ReadOnlySequence<byte> piece, SpaceSession? session) =>
        options.PacksMessages && session is not null
            ? packing.Unpack(frame, channel, piece, FrameFormat.MessageLengthBytesMax(Frames.Greeted), Frames.Peer)
            : throw new WireException(
                WireError.Malformed, $"{Frames.Peer} sent a packed message on channel {channel}, where none was agreed on.");

    // Nothing is read while there is no room, and silence says nothing about the peer then.
    private async ValueTask TakeAsync(Inbox inbox, SpaceSession session, ReadOnlySequence<byte> message)
    {
        session.HasHeard = true;
        session.BytesReceived += message.Length;
        deadlines.BeginApplying();
        try
        {
            await inbox.AddAsync(session, message, aborted.Token).ConfigureAwait(false);
        }
        finally
        {
            deadlines.EndApplying();
        }
    }

    private async ValueTask DrainAsync()
    {
        deadlines.BeginApplying();
        try
        {
            await inbox.DrainAsync(CancellationToken.None).ConfigureAwait(false);
            await blobInbox.DrainAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            deadlines.EndApplying();
        }
    }

    private async ValueTask ApplyAsync(SpaceSession session, ReadOnlyMemory<byte> message)
    {
        if (IsClosing)
            return;
        try
        {
            await ReceiveAsync(session, new ReadOnlySequence<byte>(message)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private async ValueTask ApplyBlobAsync(SpaceSession session, ReadOnlyMemory<byte> message)
    {
        if (IsClosing)
            return;
        try
        {
            if (Revoked(session) is { } revoked)
                throw revoked;
            await session.Blobs.ReceiveAsync(message, aborted.Token).ConfigureAwait(false);
        }
        catch (SyncException e)
        {
            Fail(SessionTurns.ErrorOf(e, session, Frames.Peer));
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private async ValueTask ReceiveAsync(SpaceSession session, ReadOnlySequence<byte> message)
    {
        if (Revoked(session) is { } revoked)
            throw revoked;
        try
        {
            await session.Sync.ReceiveAsync(message, aborted.Token).ConfigureAwait(false);
            if (session.NotedClock != Clock.Version)
            {
                // With its first message the peer has said in which role it is here; later ones follow better measurements.
                session.NotedClock = Clock.Version;
                long? uncertaintyMs = Clock.RoundTrip is { } way ? (long)Math.Ceiling(way.TotalMilliseconds / 2) : null;
                await session.Sync.NotePeerClockAsync(Clock.SkewMs, uncertaintyMs, aborted.Token).ConfigureAwait(false);
            }
        }
        catch (SyncException e)
        {
            throw SessionTurns.ErrorOf(e, session, Frames.Peer);
        }
    }

    private async Task WriteAsync()
    {
        IReadOnlyList<SpaceSession> known = [];
        try
        {
            Lanes.Renew(); // who the peer is was not known before
            while (!IsClosing)
            {
                pings.Write(Frames.Outgoing);
                // Sessions are looked up behind what is owed to them and before the declarations are: so each of these is
                // declared, and its enrolment shown, before it speaks.
                IReadOnlyList<SpaceChannel> owed = Channels.TakeOwedProofs();
                IReadOnlyList<SpaceSession> sessions = Channels.Sessions;
                while (Channels.TakeUndeclared() is { Spaces.Count: > 0 } declared)
                {
                    MessageFormat.WriteSpaces(Frames.Outgoing, declared.Spaces, declared.Asks);
                    Lanes.Renew();
                }
                Lanes.WriteNews(Frames.Outgoing, () => Channels.Declared);
                WriteProofs(owed);
                bool more = await turns.WriteAsync(sessions).ConfigureAwait(false);
                more = more || turns.WriteBlobs(sessions);
                await Frames.FlushAsync(aborted.Token).ConfigureAwait(false);
                if (Lanes.Reconsider() || !ReferenceEquals(known, sessions))
                    node.Lanes.Tell();
                known = sessions;
                if (!more && !IsClosing)
                    await writerCall.WaitAsync(aborted.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            Frames.Outgoing.Rollback();
            Fail(e);
        }
        await SayFarewellAsync().ConfigureAwait(false);
    }

    // The farewell, if one is owed still, then the rest of what the peer sends: up to its farewell or its end, so that
    // closing here does not destroy ours on its way.
    private async ValueTask PartAsync()
    {
        await SayFarewellAsync().ConfigureAwait(false);
        if (peerParted || streamEnded || aborted.IsCancellationRequested)
            return;
        try
        {
            Frames.Advance();
            while (await Frames.ReadAsync(aborted.Token).ConfigureAwait(false) is Frame frame)
            {
                if (frame.Type is FrameType.Bye or FrameType.Reject)
                    return;
                Frames.Advance();
            }
        }
        catch (WireException e) when (e.Error != WireError.Lost)
        {
            await SkipToEndAsync().ConfigureAwait(false); // its frames cannot be told apart any more
        }
        catch (Exception e) when (e is WireException or OperationCanceledException)
        {
            // Gone: nobody is left to part from.
        }
    }

    private async ValueTask SkipToEndAsync()
    {
        try
        {
            await Frames.DrainAsync(aborted.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WireException or OperationCanceledException)
        {
            // Gone as well.
        }
    }

    private async ValueTask SayFarewellAsync()
    {
        Farewell? owed;
        lock (gate)
        {
            owed = farewell;
            farewell = null;
        }
        if (owed is not Farewell words)
            return;
        try
        {
            if (!Frames.Greeted)
                Frames.Outgoing.Clear(); // a rejection instead of the greeting
            MessageFormat.WriteFarewell(Frames.Outgoing, Frames.Greeted ? FrameType.Bye : FrameType.Reject, words);
            await Frames.FlushAsync(aborted.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WireException or OperationCanceledException)
        {
            // Gone: nobody is left to part from.
        }
    }

    private async ValueTask CleanUpAsync()
    {
        await watch.DisposeAsync().ConfigureAwait(false);
        await aborted.CancelAsync().ConfigureAwait(false);
        await inbox.DrainAsync(CancellationToken.None).ConfigureAwait(false);
        await blobInbox.DrainAsync(CancellationToken.None).ConfigureAwait(false);
        foreach (SpaceSession session in Channels.Sessions)
            await session.Waiting.ConfigureAwait(false);
        Channels.Dispose();
        packing.Dispose();
        Frames.Dispose();
        try
        {
            await stream.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (FramedConnection.IsLoss(e))
        {
            // Closing what is broken already.
        }
        opened.TrySetException(reason!.ToException());
        _ = opened.Task.Exception; // looked at: an inbound connection has nobody who awaits it
        completion.TrySetResult(reason);
        node.Ended(connection, reason);
    }

    private void Watch()
    {
        packing.ReleaseIdle();
        foreach (SpaceSession session in Channels.Sessions)
            session.Blobs.Watch();
        if (Lanes.Reconsider())
        {
            writerCall.Set();
            node.Lanes.Tell();
        }
        if (Volatile.Read(ref closingAt) is not 0 and long closing)
        {
            if (time.GetElapsedTime(closing) >= options.CloseTimeout)
                Abort(reason!);
        }
        else if (deadlines.Overdue() is CloseReason overdue)
        {
            Abort(overdue);
        }
        else if (Channels.Sessions.Select(Revoked).FirstOrDefault(found => found is not null) is { } revoked)
        {
            End(CloseReason.From(revoked), sayFarewell: true);
        }
        else if (time.GetUtcNow().UtcTicks >= Volatile.Read(ref passEnds))
        {
            End(new CloseReason(WireError.AccessTokenRefused, ByPeer: false, $"The access token of {Frames.Peer} has expired."), sayFarewell: true);
        }
        else if (deadlines.IsPingDue())
        {
            pings.Ask(options.PingInterval);
            writerCall.Set();
        }
    }

    // What ended a loop, as a reason; only what the peer can learn from is said to it.
    private void Fail(Exception exception)
    {
        switch (exception)
        {
            case OperationCanceledException when aborted.IsCancellationRequested:
                break; // the reason is given already
            case WireException { ByPeer: true } e:
                End(CloseReason.From(e), sayFarewell: true);
                break;
            case WireException e:
                End(CloseReason.From(e), sayFarewell: e.Error is not (WireError.Lost or WireError.Truncated));
                break;
            case Exception when IsClosing:
                break; // an end in progress disturbs what still runs
            default:
                End(
                    new CloseReason(
                        WireError.LocalFailure, ByPeer: false, $"Failed here: {exception.Message}", exception),
                    sayFarewell: true);
                break;
        }
    }

    private static Farewell FarewellFor(CloseReason why) => why switch
    {
        { ByPeer: true } => new Farewell(WireError.Closed, 0, string.Empty),
        { Error: WireError.LocalFailure } => new Farewell(why.Error, 0, "A failure of this side's own."),
        { Cause: WireException { InnerException: SyncException sync } } =>
            new Farewell(why.Error, (int)sync.Error, why.Message),
        _ => new Farewell(why.Error, 0, why.Message),
    };

    private WireException TakeFarewell(in Frame frame)
    {
        Farewell words = MessageFormat.ReadFarewell(frame, Frames.Peer);
        peerParted = true;
        return MessageFormat.ToException(words, Frames.Peer);
    }

    private WireException Unexpected(in Frame frame) => new(
        WireError.UnexpectedFrame, $"{Frames.Peer} sent a {frame.Type} frame where it has no meaning.");

    private void SkipUnknown(in Frame frame)
    {
        if (frame.Flags.HasFlag(FrameFlags.MustUnderstand))
        {
            throw new WireException(
                WireError.UnknownFrame,
                $"{Frames.Peer} sent a frame of unknown type {(int)frame.Type} that must be understood.");
        }
    }
}
