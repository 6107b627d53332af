using System.Buffers;
using System.IO.Hashing;
using System.Security.Cryptography;
using MessagePack;

namespace Crdt;

/// <summary>Anti-entropy about one space over one connection: messages in, messages out, no I/O. Both sides run the
/// same; whoever connects feeds it what arrives and sends what it gives out.</summary>
/// <remarks>
/// <see cref="ReceiveAsync"/> and <see cref="WriteNextAsync"/> may run at the same time as each other, not as
/// themselves. Interrupted anywhere, the next session goes on from the vectors. Laws: 2, 14.
/// </remarks>
public sealed partial class SyncSession : IDisposable
{
    private readonly Replica replica;
    private readonly SyncSessionOptions options;
    private readonly Lock gate = new();
    private readonly Pulse pulse = new();
    private readonly SyncMessageCodec outgoing = new();
    private readonly SyncMessageCodec incoming = new();
    private readonly Dictionary<ReplicaId, VersionVector> toldStatements = [];
    private readonly SignedStatements signedStatements;
    private readonly DivergenceHunt hunt;
    private readonly SnapshotOutbox outbox;
    private readonly StandingExchange standing;

    // What the peer holds durably by its own word, and what it announced.
    private readonly Dictionary<ReplicaId, long> acknowledged = [];
    private readonly Dictionary<ReplicaId, long> announced = [];

    // What this session has sent: the peer will hold it before it sees anything that is sent later.
    private readonly Dictionary<ReplicaId, long> sent = [];

    // What is to be acknowledged to the peer.
    private readonly Dictionary<ReplicaId, long> unacknowledged = [];
    private long unreturnedCredit;

    private ReplicaId? peer;
    private ReplicaRole peerRole;

    // The first messages of both sides, and what stood behind the own one.
    private HaveMessage? ownHave, peerHave;
    private ChainHead[] ownHeads = [];
    private Acknowledgement[] ownStatements = [];

    // Between a run's arrival and its acknowledgement the vector alone does not tell where things stand.
    private bool isApplying;

    // Heads are told where the first messages differ; until both are there nobody knows.
    private bool mustTellHeads, mustHearHeads, isPeerKnown, isDiverged;

    // Heads of many authors are summed up first: what was, and the sums of what the peer has told.
    private ReadHeadsWork? toldHeads;
    private IReadOnlyList<ChainHead>? heardHeads;
    private byte[]? ownSums, peerSums;
    private Divergence? divergence;
    private ClockSkew? skew;

    // Likewise for what is known of server-role replicas: else a device would go before it heard that its work is safe.
    private bool mustTellStatements, mustHearStatements, areStatementsHeldBack;
    private long sendCredit, receiveCredit;
    private long mutationsSent, mutationsReceived, batchesSent, batchesReceived;
    private long toldVersion = -1;

    // The place in the log that was looked through, and the run that waits for credit.
    private LogPosition cursor;
    private IEnumerator<LoggedEntry>? entries;
    private BatchRun? waiting;
    private bool isOutOfCredit;

    // A snapshot that is arriving, and what the peer waits for: where to begin, or credit.
    private SnapshotInbox? inbox;
    private int? wanted;
    private bool owesCredit;
    private Snapshot? comparedBasis;

    /// <summary>Begins a session; its first message is ready at once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The credit is too small for two runs.</exception>
    public SyncSession(Replica replica, SyncSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(replica);
        this.replica = replica;
        signedStatements = new SignedStatements(replica);
        (generation, toldForks) = (replica.Generation, replica.ForksVersion);
        hunt = new DivergenceHunt(replica);
        outbox = new SnapshotOutbox(replica);
        standing = new StandingExchange(replica);
        this.options = options ?? new SyncSessionOptions();
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(
            this.options.CreditBytes, 2 * FormatLimits.RunLengthBytesMax, nameof(options));
        // Both sides begin with the same grant, which the protocol fixes; what is granted beyond it is told.
        sendCredit = receiveCredit = InitialCreditBytes;
        unreturnedCredit = this.options.CreditBytes - InitialCreditBytes;
    }

    // Two clocks can differ by no more than all the time that a timestamp can tell.
    private const long ClockSkewMsMax = HybridTimestamp.MillisecondsMax;

    /// <summary>The bytes of batches that either side may send before anything is acknowledged: just more than two
    /// runs, a constant of the protocol.</summary>
    internal const int InitialCreditBytes = (2 * FormatLimits.RunLengthBytesMax) + 1;

    /// <summary>The space it is about.</summary>
    public SpaceId Space => replica.Space;

    /// <summary>The public key that the peer has proved to hold; empty where the connection proves nothing. A peer that says
    /// it is a replica of another key is refused.</summary>
    public ReadOnlyMemory<byte> PeerKey { get; init; }

    /// <summary>Who the other side is; <see langword="null"/> until it has said so.</summary>
    public ReplicaId? Peer
    {
        get
        {
            lock (gate) return peer;
        }
    }

    /// <summary>What it has done so far.</summary>
    public SyncProgress Progress
    {
        get
        {
            VersionVector held = replica.Vector;
            lock (gate)
            {
                return new SyncProgress(peer, peerRole, mutationsSent, mutationsReceived,
                    // What the peer wrote itself it has, by whichever way it came here first.
                    isPeerKnown ? held.Where(d => d.Replica != peer)
                        .Sum(d => Math.Max(0, d.Sequence - acknowledged.GetValueOrDefault(d.Replica))) : 0,
                    announced.Sum(a => Math.Max(0, a.Value - held[a.Key])), isDiverged)
                { Divergence = divergence, IsEager = IsEager, BatchesSent = batchesSent, BatchesReceived = batchesReceived };
            }
        }
    }

    /// <summary>Whether both sides are known to hold the same, durably, and everything has been said.</summary>
    public bool IsInSync => IsQuiet && hunt.IsIdle && !HasStandingNews() && !IsAskingDue;

    private bool HasStandingNews()
    {
        lock (gate) return isPeerKnown && standing.HasNews(peer!.Value, peerRole);
    }

    /// <summary>Whether all that replicas owe each other has been said.</summary>
    private bool IsQuiet
    {
        get
        {
            VersionVector held = replica.Vector;
            lock (gate)
            {
                return isPeerKnown && !mustTellHeads && HasSaidStatements && !isApplying && unacknowledged.Count == 0 && waiting is null
                    && !isAsking && !mustAnswer && !outbox.IsBusy && inbox is null && wanted is null && !owesCredit
                    && !(MustTellHeld(replica.Writer.PublishedEnd) && held.Any(IsUntold))
                    && (HasSaidAll || held.All(d => acknowledged.GetValueOrDefault(d.Replica) >= d.Sequence || setAside.Contains(d.Replica)))
                    && announced.All(a => IsHeld(held, a.Key, a.Value));
            }
        }
    }

    /// <summary>Handles one message from the peer. What it brought is durable and visible when this completes.</summary>
    /// <param name="message">A whole message.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="SyncException">The peer did something wrong; nothing of the message was applied.</exception>
    public async ValueTask ReceiveAsync(ReadOnlySequence<byte> message, CancellationToken cancellationToken)
    {
        CheckStale();
        SyncMessage received = incoming.Read(message);
        try
        {
            await TakeAsync(received, cancellationToken).ConfigureAwait(false);
        }
        catch (SyncException e) when (IsStale && e.Error != SyncError.SameReplica)
        {
            // What the message was judged by is no more.
            CheckStale();
        }
        lock (gate) areStatementsHeldBack = false;
        pulse.Set();
    }

    private async ValueTask TakeAsync(SyncMessage received, CancellationToken cancellationToken)
    {
        if (peer is null != (received is HaveMessage))
            throw new SyncException(SyncError.UnexpectedMessage, "A session begins with one 'have', and has no other.");
        switch (received)
        {
            case HaveMessage have:
                await TakeAsync(have, cancellationToken).ConfigureAwait(false);
                break;
            case SumsMessage sums:
                Take(sums);
                break;
            case HeadsMessage heads:
                await TakeAsync(heads, cancellationToken).ConfigureAwait(false);
                break;
            case RunMessage run:
                await TakeAsync(run.Run, cancellationToken).ConfigureAwait(false);
                break;
            case AckMessage ack:
                await TakeAsync(ack, cancellationToken).ConfigureAwait(false);
                break;
            case StatementsMessage statements:
                await TakeAsync(statements, cancellationToken).ConfigureAwait(false);
                break;
            case SnapshotMessage snapshot:
                await TakeAsync(snapshot, cancellationToken).ConfigureAwait(false);
                break;
            case ChunkMessage chunk:
                await TakeAsync(chunk, cancellationToken).ConfigureAwait(false);
                break;
            case WantedMessage want:
                Take(want);
                break;
            case AskMessage:
                Answer();
                break;
            case StandingMessage told:
                await TakeAsync(told, cancellationToken).ConfigureAwait(false);
                break;
            case RangesMessage ranges:
                await TakeAsync(ranges, cancellationToken).ConfigureAwait(false);
                break;
            case FencesMessage fences:
                await TakeAsync(fences, cancellationToken).ConfigureAwait(false);
                break;
            case ChainMessage chain:
                await TakeAsync(chain, cancellationToken).ConfigureAwait(false);
                break;
            case AsideMessage aside:
                await TakeAsync(aside, cancellationToken).ConfigureAwait(false);
                break;
            case TreeMessage tree:
                Take(tree);
                break;
            case HoldsMessage holds:
                await TakeAsync(holds, cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    /// <summary>Writes the next message for the peer, a whole one.</summary>
    /// <returns><see langword="false"/> when there is nothing to send now.</returns>
    public async ValueTask<bool> WriteNextAsync(IBufferWriter<byte> output, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(output);
        CheckStale();
        if (await NextAsync(cancellationToken).ConfigureAwait(false) is not { } message) return false;
        outgoing.Write(output, message);
        pulse.Set();
        return true;
    }

    /// <summary>Completes when <see cref="WriteNextAsync"/> may have something to write.</summary>
    public async ValueTask WaitForOutgoingAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task news = Task.WhenAny(pulse.Next, replica.Writer.Committed.Next);
            if (HasOutgoing()) return;
            if (Patience is not { } patience)
            {
                await news.WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(news, Task.Delay(patience, replica.Options.Time, over.Token)).ConfigureAwait(false);
            await over.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Completes when <see cref="IsInSync"/>.</summary>
    public async ValueTask WaitForSyncAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task news = Task.WhenAny(pulse.Next, replica.Writer.Committed.Next);
            if (IsInSync) return;
            await news.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes note of the peer's wall clock, measured better than the times in messages tell. A device goes by the
    /// last server it met, so that one whose clock battery is dead takes part fairly (semantics 4).</summary>
    /// <param name="skewMs">How far the peer's clock is ahead of the own one, in milliseconds.</param>
    /// <param name="uncertaintyMs">How far from the truth that is at most; <see langword="null"/> where only one way was
    /// measured.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="InvalidOperationException">The peer has not said yet who it is.</exception>
    public ValueTask NotePeerClockAsync(long skewMs, long? uncertaintyMs, CancellationToken cancellationToken)
    {
        if (peer is null) throw new InvalidOperationException("The peer has not said yet who it is.");
        skew = new ClockSkew(peer.Value, peerRole, Math.Clamp(skewMs, -ClockSkewMsMax, ClockSkewMsMax), uncertaintyMs,
            replica.Options.Time.GetUtcNow());
        return replica.NoteAsync(new SkewNote(skew), cancellationToken);
    }

    /// <summary>Ends the session. What was received stays.</summary>
    public void Dispose()
    {
        LeaveMesh();
        entries?.Dispose();
        outbox.Dispose();
        hunt.Dispose();
    }

    // ---- what arrives ----

    private async ValueTask TakeAsync(HaveMessage have, CancellationToken cancellationToken)
    {
        if (!PeerKey.IsEmpty && replica.IsOfOtherKey(have.Replica, PeerKey.Span))
        {
            throw new SyncException(SyncError.WrongPeer,
                $"The peer says that it is replica {have.Replica}, which is enrolled with another key than the peer's.");
        }
        if (have.Replica == replica.Id && !isOnPaper)
        {
            await replica.NoteForkAsync(have.Replica, null, have.Replica, cancellationToken).ConfigureAwait(false);
            throw new SyncException(SyncError.SameReplica, $"The peer, too, is replica {replica.Id}: one of the two is a copy.");
        }
        lock (gate)
        {
            (peer, peerHave) = (have.Replica, have);
            // In a keyed space a role is no claim.
            peerRole = IsKeyed ? replica.Writer.Trust.Find(have.Replica)?.Role ?? ReplicaRole.Client : have.Role;
            CompareFirstMessages();
        }
        await NoteTimeAsync(have.Time, cancellationToken).ConfigureAwait(false);
        await NoteAgreementAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A time in a message is late by the message's way: of several the one that puts the clock furthest ahead is
    /// the nearest to the truth.</summary>
    private async ValueTask NoteTimeAsync(DateTimeOffset time, CancellationToken cancellationToken)
    {
        // A courier may be on the way for weeks.
        if (isOnPaper) return;
        long aheadMs = (long)(time - replica.Options.Time.GetUtcNow()).TotalMilliseconds;
        if (skew is { } known && (known.UncertaintyMs is not null || known.OffsetMs >= aheadMs)) return;
        await NotePeerClockAsync(aheadMs, null, cancellationToken).ConfigureAwait(false);
    }

    // ---- divergence ----

    private async ValueTask NoteAgreementAsync(CancellationToken cancellationToken)
    {
        bool isEqual;
        lock (gate) isEqual = isPeerKnown && !mustTellHeads && !isDiverged;
        if (isEqual && setAside.Count == 0)
        {
            foreach (ChainHead head in ownHeads)
                await replica.ForgetSuspicionAsync(head.Author, peerRole, cancellationToken).ConfigureAwait(false);
        }
        if (isEqual && replica.Divergences.Any(d => d.Peer == peer))
            await replica.NoteAsync(new AgreementNote(peer!.Value), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask NoteDivergenceAsync(IReadOnlyList<EntityKey>? keys, bool isCutOff, CancellationToken cancellationToken)
    {
        var noticed = new Divergence(peer!.Value, replica.Options.Time.GetUtcNow(), keys, isCutOff);
        lock (gate) (isDiverged, divergence) = (true, noticed);
        await replica.NoteAsync(new DivergenceNote(noticed), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask TakeAsync(StandingMessage message, CancellationToken cancellationToken)
    {
        List<Acknowledgement> news;
        VersionVector held = replica.Vector;
        lock (gate) news = standing.Receive(message, peer!.Value, held);
        foreach (Acknowledgement statement in news)
            await replica.NoteAsync(new StandingNote(statement), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask TakeAsync(RangesMessage ranges, CancellationToken cancellationToken)
    {
        if (await hunt.TakeAsync(ranges, cancellationToken).ConfigureAwait(false) is not { } ended) return;
        // Nothing found, and nothing noticed here: the peer alone says that there is something.
        if (ended.Found.Count == 0 && !isDiverged) return;
        await NoteDivergenceAsync(ended.Found, ended.IsCutOff, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Both sides compare the same two hashes, so both come to the same end: nothing to tell, or all heads.</summary>
    private void CompareFirstMessages()
    {
        if (ownHave is null || peerHave is null) return;
        if (ownHave.StatementsHash.Span.SequenceEqual(peerHave.StatementsHash.Span))
        {
            foreach (Acknowledgement statement in ownStatements) toldStatements[statement.By] = statement.Held;
            signedStatements.Agree(ownStatements);
        }
        else mustTellStatements = mustHearStatements = true;
        if (ownHave.HeadsHash.Span.SequenceEqual(peerHave.HeadsHash.Span))
        {
            // The hashes are over what both keep aside, too: nothing of that is told again.
            peerAsides.UnionWith(Fences.Asides.Select(a => a.Id));
            foreach (ChainHead head in ownHeads) Raise(toldHeld, head.Author, head.Sequence);
            standing.Common = VectorOf(ownHeads);
            signedStatements.Common = Holding.Of(ownHeads);
            KnowPeer(ownHeads);
        }
        else mustTellHeads = mustHearHeads = mustTellFences = true;
    }

    private void Take(SumsMessage sums)
    {
        lock (gate)
        {
            if (!mustHearHeads || peerSums is not null)
                throw new SyncException(SyncError.UnexpectedMessage, "Sums of heads are told once, and only where the hashes differ.");
            peerSums = sums.Sums.ToArray();
        }
    }

    private async ValueTask TakeAsync(HeadsMessage heads, CancellationToken cancellationToken)
    {
        IReadOnlyList<ChainHead> theirs = heads.Heads;
        lock (gate)
        {
            if (!mustHearHeads || (peerSums is null) != (heads.Parts is null) || (heads.Parts is not null && toldHeads is null))
                throw new SyncException(SyncError.UnexpectedMessage, "Heads are told once, and only where the hashes differ.");
            if (peerSums is not null) theirs = HeadSums.Complete(toldHeads!.Heads, heads, DifferingParts());
            mustHearHeads = false;
        }
        ReadHeadsWork own = await ReadHeadsAsync(cancellationToken).ConfigureAwait(false);
        await FindForksAsync(own.Heads, theirs, cancellationToken).ConfigureAwait(false);
        bool isEqual = own.Heads.Length == theirs.Count
            && own.Heads.Zip(theirs).All(p => p.First.Author == p.Second.Author && p.First.Sequence == p.Second.Sequence);
        bool differs = isEqual && setAside.Count == 0 && own.Digest.Value != heads.Digest;
        if (differs)
        {
            hunt.Begin();
            await NoteDivergenceAsync(null, isCutOff: false, cancellationToken).ConfigureAwait(false);
        }
        lock (gate)
        {
            heardHeads = theirs;
            if (ownSums is not null) peerSums ??= SumsOf(theirs);
            NoteCommon();
            KnowPeer(theirs);
        }
        if (isEqual && !differs) await NoteAgreementAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Once the heads of both were told, each side knows the same of what both hold.</summary>
    private void NoteCommon()
    {
        if (mustTellHeads || toldHeads is null || heardHeads is null) return;
        VersionVector theirs = VectorOf(heardHeads);
        standing.Common = VersionVector.From(toldHeads.Heads.Where(h => theirs[h.Author] > 0)
            .Select(h => new Dot(h.Author, Math.Min(h.Sequence, theirs[h.Author]))));
        Dictionary<ReplicaId, ChainHead> heard = heardHeads.ToDictionary(static h => h.Author);
        signedStatements.Common = Holding.Of([.. toldHeads.Heads.Where(h => heard.TryGetValue(h.Author, out ChainHead other)
            && other.Sequence == h.Sequence && h.Hash.Span.StartsWith(other.Hash.Span))]);
    }

    private byte[] SumsOf(IEnumerable<ChainHead> heads) => HeadSums.Of(heads, ownHave!.HeadsHash, peerHave!.HeadsHash);

    private ulong DifferingParts() => HeadSums.Differing(ownSums ?? SumsOf(toldHeads!.Heads), peerSums);

    /// <summary>The own heads; where they are many their sums first, and then those of the parts in which the peer's differ.</summary>
    private async ValueTask<SyncMessage?> TellHeadsAsync(CancellationToken cancellationToken)
    {
        ReadHeadsWork own = toldHeads ?? await ReadHeadsAsync(cancellationToken).ConfigureAwait(false);
        lock (gate)
        {
            toldHeads = own;
            if (own.Heads.Length > options.WholeHeadsMax && !isOnPaper)
            {
                if (ownSums is null)
                {
                    ownSums = SumsOf(own.Heads);
                    if (heardHeads is not null) peerSums = SumsOf(heardHeads);
                    return new SumsMessage(ownSums);
                }
                if (peerSums is null) return null;
            }
            mustTellHeads = false;
            foreach (ChainHead head in own.Heads) Raise(toldHeld, head.Author, head.Sequence);
            NoteCommon();
            ulong? parts = ownSums is not null ? DifferingParts() : null;
            return new HeadsMessage(own.Digest.Value,
                parts is { } differing ? [.. own.Heads.Where(h => HeadSums.IsIn(differing, h.Author))] : own.Heads, parts);
        }
    }

    private async ValueTask<ReadHeadsWork> ReadHeadsAsync(CancellationToken cancellationToken)
    {
        var reading = new ReadHeadsWork();
        await replica.Writer.EnqueueAsync(reading, cancellationToken).ConfigureAwait(false);
        return reading;
    }

    private async ValueTask TakeAsync(BatchRun run, CancellationToken cancellationToken)
    {
        long lengthBytes = LengthOf(run);
        lock (gate)
        {
            if (lengthBytes > receiveCredit)
            {
                throw new SyncException(SyncError.CreditExceeded,
                    $"A run of {lengthBytes} bytes; {receiveCredit} were granted.");
            }
            receiveCredit -= lengthBytes;
            isApplying = true;
            Raise(announced, run.Author, run.LastSequence);
            // The peer holds what it sends: said before the own log shows it, or it would be sent back.
            Raise(acknowledged, run.Author, run.LastSequence);
        }
        if (IsSetAside(run.Author))
        {
            PassOver(run, lengthBytes);
            return;
        }
        bool isNews;
        try
        {
            isNews = await replica.ApplyAsync(run, cancellationToken).ConfigureAwait(false);
        }
        catch (ApplyException e)
        {
            if (!await TryExcuseAsync(run, e, cancellationToken).ConfigureAwait(false))
                throw new SyncException(ErrorOf(e.Error), e.Message, e);
            PassOver(run, lengthBytes);
            return;
        }
        CheckStale();
        if (isNews) await replica.ForgetSuspicionAsync(run.Author, peerRole, cancellationToken).ConfigureAwait(false);
        else await KeepBeyondFenceAsync(run, cancellationToken).ConfigureAwait(false);
        lock (gate)
        {
            if (isNews) (mutationsReceived, batchesReceived) = (mutationsReceived + run.LastSequence - run.FirstSequence + 1, batchesReceived + run.Batches.Count);
            else NoteTwice();
            // Beyond a fence nothing is held: what counts of the author is.
            long held = Math.Min(run.LastSequence, Fences.Table.Of(run.Author)?.Sequence ?? long.MaxValue);
            if (held > 0) Raise(unacknowledged, run.Author, held);
            owesCredit = true;
            unreturnedCredit += lengthBytes;
            isApplying = false;
        }
    }

    private async ValueTask TakeAsync(AckMessage ack, CancellationToken cancellationToken)
    {
        Acknowledgement statement;
        VersionVector held = replica.Vector;
        lock (gate)
        {
            foreach (Dot dot in ack.Held)
            {
                if (!held.Covers(dot))
                {
                    throw new SyncException(SyncError.UnexpectedMessage,
                        $"The peer acknowledges {dot}, which was not sent to it.");
                }
                Raise(acknowledged, dot.Replica, dot.Sequence);
            }
            sendCredit += ack.CreditBytes;
            isOutOfCredit = false;
            statement = new Acknowledgement(peer!.Value, peerRole, ack.Time, ack.Held);
        }
        await NoteTimeAsync(ack.Time, cancellationToken).ConfigureAwait(false);
        // In a keyed space what counts is what the peer signs; it tells that beside.
        if (ack.Held.Count > 0 && !IsKeyed)
            await replica.AcknowledgeAsync(statement, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask TakeAsync(StatementsMessage statements, CancellationToken cancellationToken)
    {
        long own = replica.Vector[replica.Id];
        bool isOwnInDoubt;
        lock (gate) isOwnInDoubt = setAside.Contains(replica.Id);
        foreach (Acknowledgement statement in statements.Statements)
        {
            if (!IsKeyed && (statement.IsRelative || statement.Tags.Count > 0))
                throw new SyncException(SyncError.BadSignature, "In an open space a statement proves nothing, and tells of no logs.");
            if (statement.Role == ReplicaRole.Client && !IsKeyed)
                throw new SyncException(SyncError.UnexpectedMessage, "Only what servers hold is passed on.");
            // A replica that was restored from a backup hears of a future of its own: whoever has that will show it.
            long counted = replica.Writer.Standing.Caps.EndOf(replica.Id);
            if (IsKeyed)
            {
                Acknowledgement? whole;
                // Also what is passed over: the next is told as the difference to it.
                lock (gate) whole = signedStatements.Receive(statement);
                if (whole is not null && !(isOwnInDoubt && whole.Held[replica.Id] > 0) && Math.Min(whole.Held[replica.Id], counted) <= own)
                    await replica.AcknowledgeAsync(whole, cancellationToken).ConfigureAwait(false);
                continue;
            }
            // While the own id may be in use twice, nobody can tell of which log it speaks: it is told again.
            if ((isOwnInDoubt && statement.Held[replica.Id] > 0) || Math.Min(statement.Held[replica.Id], counted) > own) continue;
            if (!statement.Signature.IsEmpty)
                throw new SyncException(SyncError.BadSignature, "In an open space a statement has no signature.");
            lock (gate)
            {
                toldStatements[statement.By] = toldStatements.GetValueOrDefault(statement.By, VersionVector.Empty)
                    .Merge(statement.Held);
            }
            await replica.AcknowledgeAsync(statement, cancellationToken).ConfigureAwait(false);
        }
        lock (gate) mustHearStatements = false;
    }

    private static SyncError ErrorOf(ApplyError error) => error switch
    {
        ApplyError.BadBatch => SyncError.BadBatch,
        ApplyError.Gap => SyncError.Gap,
        ApplyError.PartlyCovered => SyncError.PartlyCovered,
        ApplyError.ChainBroken => SyncError.ChainBroken,
        ApplyError.UnknownObservedDot => SyncError.UnknownObservedDot,
        ApplyError.WrongSpace => SyncError.WrongSpace,
        ApplyError.OwnLogForked => SyncError.Forked,
        ApplyError.NotEnrolled or ApplyError.KeyRevoked => SyncError.NotEnrolled,
        ApplyError.EnrolmentNotNamed => SyncError.EnrolmentNotNamed,
        ApplyError.WrongRole => SyncError.WrongRole,
        ApplyError.BadSignature => SyncError.BadSignature,
        ApplyError.UnknownScheme => SyncError.UnknownScheme,
        ApplyError.BadSnapshot or ApplyError.SnapshotRole => SyncError.BadSnapshot,
        ApplyError.UnknownFormat => SyncError.UnknownFormat,
        ApplyError.SnapshotRevoked => SyncError.SnapshotRevoked,
        ApplyError.SnapshotForked => SyncError.Forked,
        ApplyError.Fenced => SyncError.Forked,
        _ => SyncError.LimitExceeded,
    };

    private void KnowPeer(IReadOnlyList<ChainHead> heads)
    {
        foreach (ChainHead head in heads)
        {
            if (setAside.Contains(head.Author)) continue;
            Raise(acknowledged, head.Author, head.Sequence);
            Raise(announced, head.Author, head.Sequence);
        }
        isPeerKnown = true;
        Await();
        cursor = replica.Store.FindStart(VersionVector.From(acknowledged.Select(a => new Dot(a.Key, a.Value))));
    }

    // ---- what goes out ----

    private bool HasOutgoing()
    {
        if (IsStale || hunt.HasOutgoing || IsTreeDue || (IsQuiet && (hunt.IsWaiting || HasStandingNews() || IsAskingDue))
            || (IsAskingDue && IsStuck)) return true;
        lock (gate)
        {
            if (ownHave is null || (mustTellHeads && (ownSums is null || peerSums is not null)) || unacknowledged.Count > 0 || owesCredit || wanted is not null) return true;
            if (!isPeerKnown) return false;
            Await();
            if (IsPatienceOver) return true;
            if (chainsToTell.Count > 0 || toldForks != replica.ForksVersion || (!isOutOfCredit && HasAsides())) return true;
            if (!areStatementsHeldBack && HasStatements) return true;
            if (outbox.IsBusy) return !isOutOfCredit && !outbox.IsWaiting;
            if (mustAnswer) return true;
            LogPosition end = replica.Writer.PublishedEnd;
            return MustTellHeld(end) || (!isOutOfCredit && (waiting is not null || replica.Writer.HasOpenRun || (IsEager && cursor < end)));
        }
    }

    private bool IsKeyed => replica.Writer.Trust.IsKeyedPublished;

    private bool HasStatements => mustTellStatements || signedStatements.IsDue
        || toldVersion != replica.Writer.Acknowledgements.Version;

    private async ValueTask<SyncMessage?> NextAsync(CancellationToken cancellationToken)
    {
        if (ownHave is null) return await StartAsync(cancellationToken).ConfigureAwait(false);
        // Before anything that might come twice otherwise.
        if (isPeerKnown) LosePatience();
        if (TakeTree() is { } tree) return tree;
        if (mustTellHeads)
        {
            if (TakeFences() is { } fences) return fences;
            if (await TellHeadsAsync(cancellationToken).ConfigureAwait(false) is { } heads) return heads;
        }
        lock (gate)
        {
            if (TakeWanted() is { } want) return want;
            if (TakeAck() is { } ack) return ack;
            if (!isPeerKnown) return null;
            if (TakeStatements() is { } statements) return statements;
            if (TakeAnswer() is { } answer) return answer;
        }
        if (TakeChain() is { } chain) return chain;
        if (TakeFences() is { } news) return news;
        if (TakeAside() is { } aside) return aside;
        if (await NextAtRestAsync(cancellationToken).ConfigureAwait(false) is { } told) return told;
        // Having looked through what is new in the log, and found nothing to send, may be what it takes to be at rest.
        return await NextRunAsync(cancellationToken).ConfigureAwait(false) ?? TakeChain()
            ?? await NextAtRestAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What is said when there is nothing else to say.</summary>
    private async ValueTask<SyncMessage?> NextAtRestAsync(CancellationToken cancellationToken)
    {
        if (await hunt.NextAsync(IsQuiet, cancellationToken).ConfigureAwait(false) is { } ranges) return ranges;
        if (TakeAsk() is { } ask) return ask;
        if (!IsQuiet || !hunt.IsIdle || isOnPaper) return null;
        StandingMessage? told;
        lock (gate) told = standing.Take(peer!.Value, peerRole);
        if (told is not null)
            await replica.NoteAsync(standing.Note(peer!.Value, told), cancellationToken).ConfigureAwait(false);
        return told;
    }

    private async ValueTask<SyncMessage> StartAsync(CancellationToken cancellationToken)
    {
        ReadHeadsWork own = await ReadHeadsAsync(cancellationToken).ConfigureAwait(false);
        lock (gate)
        {
            ownHeads = own.Heads;
            ownStatements = [.. ServerStatements().Select(s => IsKeyed && s.By == replica.Id ? signedStatements.OwnStatement() : s)];
            ownHave = new HaveMessage(
                replica.Id, replica.Role, replica.Options.Time.GetUtcNow(),
                HashOf(ownHeads, own.Digest).AsMemory(0, HaveMessage.HeadsHashLengthBytes),
                HashOf(ownStatements).AsMemory(0, HaveMessage.StatementsHashLengthBytes));
            CompareFirstMessages();
        }
        JoinMesh();
        await NoteAgreementAsync(cancellationToken).ConfigureAwait(false);
        return ownHave;
    }

    private AckMessage? TakeAck()
    {
        if (unacknowledged.Count == 0 && !owesCredit) return null;
        owesCredit = false;
        var held = VersionVector.From(unacknowledged.Select(a => new Dot(a.Key, a.Value)));
        long credit = unreturnedCredit;
        foreach ((ReplicaId author, long sequence) in unacknowledged) Raise(toldHeld, author, sequence);
        unacknowledged.Clear();
        unreturnedCredit = 0;
        receiveCredit += credit;
        if (IsKeyed) signedStatements.IsDue = true;
        else if (replica.Role != ReplicaRole.Client)
            toldStatements[replica.Id] = toldStatements.GetValueOrDefault(replica.Id, VersionVector.Empty).Merge(held);
        return new AckMessage(replica.Options.Time.GetUtcNow(), held, credit);
    }

    private StatementsMessage? TakeStatements()
    {
        if (areStatementsHeldBack || !HasStatements) return null;
        long version = replica.Writer.Acknowledgements.Version;
        List<Acknowledgement>? news = IsKeyed
            ? signedStatements.Take(ServerStatements(), peer!.Value, mustTellStatements, IsHeldByPeer)
            : NewStatements();
        areStatementsHeldBack = news is null;
        if (news is null) return null;
        toldVersion = version;
        if (news.Count == 0 && !mustTellStatements) return null;
        mustTellStatements = false;
        return new StatementsMessage(news);
    }

    private bool IsHeldByPeer(Dot dot) => isOnPaper ? Knows(dot) : acknowledged.GetValueOrDefault(dot.Replica) >= dot.Sequence;

    private List<Acknowledgement> NewStatements()
    {
        var news = new List<Acknowledgement>();
        foreach (Acknowledgement statement in ServerStatements())
        {
            if (statement.By == peer) continue;
            VersionVector told = toldStatements.GetValueOrDefault(statement.By, VersionVector.Empty);
            if (told.Covers(statement.Held)) continue;
            news.Add(statement with { Held = VersionVector.From(statement.Held.Where(d => !told.Covers(d))) });
            toldStatements[statement.By] = told.Merge(statement.Held);
        }
        return news;
    }

    private async ValueTask<SyncMessage?> NextRunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            SyncMessage? ofSnapshot = NextOfSnapshot();
            if (ofSnapshot is not null || outbox.IsBusy) return ofSnapshot;
            await replica.CloseRunAsync(cancellationToken).ConfigureAwait(false);
            if (waiting is null && !IsEager)
            {
                wasLazy = true;
                return TakeHolds();
            }
            PassOverKnown();
            waiting ??= ReadRun();
            if (waiting is not null) break;
            if (!outbox.IsBusy) return TakeHolds();
        }
        BatchRun run = waiting;
        long lengthBytes = LengthOf(run);
        lock (gate)
        {
            if (lengthBytes > sendCredit)
            {
                isOutOfCredit = true;
                return null;
            }
            sendCredit -= lengthBytes;
            mutationsSent += run.LastSequence - run.FirstSequence + 1;
            batchesSent += run.Batches.Count;
            Raise(sent, run.Author, run.LastSequence);
            Raise(toldHeld, run.Author, run.LastSequence);
            waiting = null;
        }
        await replica.ReleaseAsync(run).ConfigureAwait(false);
        return new RunMessage(run);
    }

    /// <summary>The next run in apply order that the peer has not acknowledged; its batches stand together.</summary>
    private BatchRun? ReadRun()
    {
        while (true)
        {
            if (OfferBasis()) return null;
            LogPosition from = cursor;
            // What was opened earlier ends where the log ended then.
            bool isStale = entries is not null;
            BatchRun? run = ReadOpenedRun();
            if (run is null && isStale && !outbox.IsBusy) run = ReadOpenedRun();
            // What was read is without a hole if nothing behind its beginning has been dropped by now.
            if (replica.Store.LogStart <= from) return run;
            Rewind();
        }
    }

    private BatchRun? ReadOpenedRun()
    {
        var batches = new List<ReadOnlyMemory<byte>>();
        long first = 0;
        LogPosition runStart = cursor, end = paperEnd ?? replica.Writer.PublishedEnd;
        entries ??= replica.Store.ReadLog(cursor).GetEnumerator();
        while (entries.MoveNext())
        {
            (LogEntry entry, LogPosition next) = entries.Current;
            if (next > end) break;
            bool isCovered = Fences.IsVoid(entry) || IsCovered(entry);
            if (entry.Kind == LogEntryKind.Batch && !isCovered)
            {
                if (batches.Count == 0) first = entry.FirstSequence;
                batches.Add(entry.Payload);
            }
            else if (entry.Kind == LogEntryKind.Head && batches.Count > 0)
            {
                cursor = next;
                if (!Fences.IsVoid(entry)) return new BatchRun(entry.Author, first, batches, entry.LastSequence, entry.Payload);
                // A fence ends the log within this run, which a copy has closed elsewhere.
                return RunToFence(entry.Author, first, batches);
            }
            if (batches.Count == 0) cursor = runStart = next;
            if (entry.Kind == LogEntryKind.Snapshot && batches.Count == 0 && Offer(entry)) return null;
        }
        // The end, perhaps within a run that is still open: the next look begins before it.
        entries.Dispose();
        entries = null;
        cursor = runStart;
        return null;
    }

    private bool IsCovered(in LogEntry entry)
    {
        lock (gate) return setAside.Contains(entry.Author) || Knows(new Dot(entry.Author, entry.LastSequence));
    }

    // ---- snapshots ----

    /// <summary>What the peer holds, or will hold by the time that it sees what is sent next.</summary>
    private bool Knows(Dot dot) => dot.Sequence
        <= Math.Max(acknowledged.GetValueOrDefault(dot.Replica), sent.GetValueOrDefault(dot.Replica));

    /// <summary>Where the beginning of the log was dropped, a peer that lacks some of that gets the snapshot which stands for
    /// it, before anything else.</summary>
    private bool OfferBasis()
    {
        IReadOnlyList<Parting> partings = Fences.Partings;
        if (replica.Store.LogStart == default(LogPosition) && partings.Count == 0) return false;
        Snapshot? basis = replica.Writer.Snapshots.First(partings);
        if (basis is null || ReferenceEquals(basis, comparedBasis)) return false;
        comparedBasis = basis;
        lock (gate)
        {
            if (basis.Vector.All(Knows) || !MayOffer(basis)) return false;
            outbox.Offer(replica.Writer.Trusted(basis));
        }
        Rewind();
        return true;
    }

    /// <summary>A snapshot that was made or joined here goes to a peer that lacks some of it, in its place in the order.</summary>
    private bool Offer(in LogEntry entry)
    {
        long number = entry.LastSequence;
        if (replica.Writer.Snapshots.Held.FirstOrDefault(s => s.Number == number) is not { } snapshot) return false;
        lock (gate)
        {
            if (snapshot.Vector.All(Knows) || !MayOffer(snapshot)) return false;
            outbox.Offer(replica.Writer.Trusted(snapshot));
        }
        return true;
    }

    /// <summary>Looks through the log again from where it now begins; what the peer knows is passed over.</summary>
    private void Rewind()
    {
        entries?.Dispose();
        entries = null;
        cursor = replica.Store.LogStart;
    }

    private SyncMessage? NextOfSnapshot()
    {
        lock (gate)
        {
            if (!outbox.IsBusy) return null;
            if (isOnPaper && outbox.IsWaiting) outbox.Begin(0);
            SyncMessage? message = outbox.Next(ref sendCredit, out isOutOfCredit, out SnapshotManifest? complete);
            foreach (SnapshotHead head in complete?.Heads ?? []) Raise(sent, head.Author, head.Sequence);
            // A snapshot that could not be read to its end was replaced by another one.
            if (!outbox.IsBusy && complete is null) comparedBasis = null;
            return message;
        }
    }

    private WantedMessage? TakeWanted()
    {
        if (wanted is not { } next) return null;
        wanted = null;
        return new WantedMessage(next);
    }

    private void Take(WantedMessage want)
    {
        lock (gate)
        {
            if (!outbox.Begin(want.Next))
                throw new SyncException(SyncError.UnexpectedMessage, $"The peer asks for chunk {want.Next + 1} of a snapshot that it was not offered.");
            if (!outbox.IsBusy) comparedBasis = null;
        }
    }

    private async ValueTask TakeAsync(SnapshotMessage snapshot, CancellationToken cancellationToken)
    {
        bool wasAsked = TakeAsked();
        if (wasAsked && snapshot.Manifest.IsEmpty) return;
        SnapshotInbox offered;
        bool isNews, isTaken;
        SnapshotManifest? manifest = null;
        try
        {
            manifest = SnapshotManifest.Decode(snapshot.Manifest);
            isNews = !replica.Vector.Covers(manifest.Vector);
            isTaken = isNews || (wasAsked && (NeedsSnapshot || replica.IsWanted(manifest)));
            offered = new SnapshotInbox(manifest, isTaken
                ? await replica.ConsiderAsync(manifest, cancellationToken).ConfigureAwait(false) : manifest.Chunks.Count);
            if (isTaken && !isNews)
                offered = offered with { Next = await replica.MakeChunksAsync(manifest, offered.Next, cancellationToken).ConfigureAwait(false) };
        }
        catch (BatchFormatException e)
        {
            throw new SyncException(e.Error == BatchError.UnknownFormat ? SyncError.UnknownFormat : SyncError.BadSnapshot, e.Message, e);
        }
        catch (ApplyException e)
        {
            if (manifest is null || !await TryDeclineAsync(manifest, e, cancellationToken).ConfigureAwait(false))
                throw new SyncException(ErrorOf(e.Error), e.Message, e);
            // As if all of its chunks were here: the peer goes on behind it.
            lock (gate) wanted = manifest.Chunks.Count;
            return;
        }
        lock (gate)
        {
            (inbox, wanted) = (isTaken ? offered : null, offered.Next);
            foreach (SnapshotHead head in offered.Manifest.Heads)
            {
                Raise(announced, head.Author, head.Sequence);
                // The peer holds what it sends: said before the own log shows it, or it would be sent back.
                Raise(acknowledged, head.Author, head.Sequence);
                if (!isNews) Raise(unacknowledged, head.Author, head.Sequence);
            }
        }
        if (isTaken && offered.IsComplete) await JoinAsync(offered.Manifest, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask TakeAsync(ChunkMessage chunk, CancellationToken cancellationToken)
    {
        SnapshotInbox arriving;
        lock (gate)
        {
            arriving = inbox ?? throw new SyncException(SyncError.UnexpectedMessage, "A chunk of a snapshot that was not offered.");
            if (chunk.Chunk.Length > receiveCredit)
            {
                throw new SyncException(SyncError.CreditExceeded,
                    $"A chunk of {chunk.Chunk.Length} bytes; {receiveCredit} were granted.");
            }
            receiveCredit -= chunk.Chunk.Length;
        }
        try
        {
            if (!arriving.IsGivenUp)
                await replica.TakeAsync(arriving.Manifest, arriving.Next, chunk.Chunk, cancellationToken).ConfigureAwait(false);
        }
        catch (ApplyException e) when (e.Error == ApplyError.SnapshotDropped)
        {
            WaitForAnotherSession(arriving.Manifest, null);
            arriving = arriving with { IsGivenUp = true };
        }
        catch (ApplyException e)
        {
            throw new SyncException(ErrorOf(e.Error), e.Message, e);
        }
        arriving = arriving with { Next = arriving.Next + 1 };
        lock (gate)
        {
            inbox = arriving is { IsGivenUp: true, IsComplete: true } ? null : arriving;
            unreturnedCredit += chunk.Chunk.Length;
            owesCredit |= receiveCredit < FormatLimits.RunLengthBytesMax;
        }
        if (arriving is { IsComplete: true, IsGivenUp: false }) await JoinAsync(arriving.Manifest, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask JoinAsync(SnapshotManifest manifest, CancellationToken cancellationToken)
    {
        lock (gate) isApplying = true;
        VersionVector before = replica.Vector;
        try
        {
            await replica.JoinAsync(manifest, cancellationToken).ConfigureAwait(false);
        }
        catch (ApplyException e)
        {
            // A fence may have come while its chunks did.
            if (!await TryDeclineAsync(manifest, e, cancellationToken).ConfigureAwait(false))
                throw new SyncException(ErrorOf(e.Error), e.Message, e);
            return;
        }
        lock (gate)
        {
            foreach (SnapshotHead head in manifest.Heads)
            {
                mutationsReceived += Math.Max(0, head.Sequence - before[head.Author]);
                Raise(unacknowledged, head.Author, head.Sequence);
            }
            (inbox, isApplying) = (null, false);
        }
    }

    private IEnumerable<Acknowledgement> ServerStatements() =>
        replica.Writer.Acknowledgements.Newest().Where(a => a.Role != ReplicaRole.Client);

    private static long LengthOf(BatchRun run) => run.Batches.Sum(b => (long)b.Length);

    private static void Raise(Dictionary<ReplicaId, long> vector, ReplicaId replica, long sequence)
    {
        if (sequence > vector.GetValueOrDefault(replica)) vector[replica] = sequence;
    }

    /// <summary>With the digest in it, equal hashes mean equal states: a divergence shows even where nothing is new.</summary>
    private byte[] HashOf(ChainHead[] heads, StateDigest digest)
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        var writer = new MessagePackWriter(buffer);
        foreach (ChainHead head in heads)
        {
            AcknowledgementCodec.WriteReplica(ref writer, head.Author);
            writer.Write(head.Sequence);
            writer.Write(head.Hash.Span);
        }
        writer.Write((ulong)(digest.Value >> 64));
        writer.Write((ulong)digest.Value);
        WriteKnown(ref writer);
        writer.Flush();
        return SHA256.HashData(buffer.WrittenSpan);
    }

    private static byte[] HashOf(IEnumerable<Acknowledgement> statements)
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        var writer = new MessagePackWriter(buffer);
        foreach (Acknowledgement statement in statements)
        {
            AcknowledgementCodec.WriteReplica(ref writer, statement.By);
            AcknowledgementCodec.WriteHolding(ref writer, statement.Holding);
        }
        writer.Flush();
        return XxHash64.Hash(buffer.WrittenSpan);
    }
}
