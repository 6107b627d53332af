using MessagePack;

namespace Crdt;

/// <content>One bad author never cuts the mesh: whose logs differ is set aside in this session, and everybody else goes
/// on. Fences are told before anything that they concern.</content>
public sealed partial class SyncSession
{
    private readonly int generation;

    // Authors of whom nothing is exchanged in this session: their logs differ, or what they wrote waits for such a one.
    private readonly HashSet<ReplicaId> setAside = [];
    private readonly Dictionary<ReplicaId, ApplyException> suspicions = [];
    private readonly Queue<ReplicaId> chainsToTell = new();
    private readonly HashSet<ulong> peerAsides = [];
    private readonly Queue<SetAsideRun> asidesToTell = new();
    private readonly Queue<AsideMessage> proofsToTell = new();
    private IReadOnlyList<SetAsideRun>? asidesSeen;
    private bool mustTellFences;
    private int toldForks;

    private bool IsStale => generation != replica.Generation;

    private FenceKeeper Fences => replica.Writer.Fences;

    /// <exception cref="SyncException">The replica's state was begun anew.</exception>
    private void CheckStale()
    {
        if (IsStale)
        {
            throw new SyncException(SyncError.Rebuilt,
                "This replica has begun its state anew because of a fence: begin another session.");
        }
    }

    private bool IsSetAside(ReplicaId author)
    {
        lock (gate) return setAside.Contains(author);
    }

    /// <summary>Whether an author's mutations up to a sequence are here, or mean nothing.</summary>
    private bool IsHeld(VersionVector held, ReplicaId author, long sequence) => held[author] >= sequence
        || setAside.Contains(author)
        || (Fences.Table.Of(author) is { } fence && held[author] >= fence.Sequence);

    /// <summary>Where somebody is set aside, the peer may not be able to take what builds on that: then it is enough that
    /// everything was sent. The rest follows in a session after the fence.</summary>
    private bool HasSaidAll => setAside.Count > 0 && HasToldAll(replica.Writer.PublishedEnd);

    // ---- whose logs differ ----

    /// <summary>Compares heads: whoever has two for one sequence is in use twice, and so is this replica's own id where
    /// the peer holds more of it than was written here.</summary>
    private async ValueTask FindForksAsync(ChainHead[] own, IReadOnlyList<ChainHead> theirs, CancellationToken cancellationToken)
    {
        Dictionary<ReplicaId, ChainHead> byAuthor = own.ToDictionary(h => h.Author);
        foreach (ChainHead head in theirs)
        {
            bool isHeld = byAuthor.TryGetValue(head.Author, out ChainHead held);
            bool isSamePlace = isHeld && held.Sequence == head.Sequence;
            bool differs = isSamePlace && !held.Hash.Span[..HeadsMessage.HashPrefixLengthBytes].SequenceEqual(head.Hash.Span);
            if (isSamePlace && !differs && !setAside.Contains(head.Author))
                await replica.ForgetSuspicionAsync(head.Author, peerRole, cancellationToken).ConfigureAwait(false);
            bool isOwnFuture = head.Author == replica.Id && head.Sequence > (isHeld ? held.Sequence : 0);
            bool isSettled = Fences.Table.Of(head.Author) is not null && !Fences.IsOffBranch(head.Author);
            if ((differs || isOwnFuture) && !isSettled) await SetAsideAsync(head.Author, cancellationToken).ConfigureAwait(false);
        }
        // A snapshot given in place of the log does not show by itself that it is of another one.
        if (replica.Snapshots.Count > 0)
        {
            IEnumerable<ChainHead> behind = theirs.Where(h => byAuthor.TryGetValue(h.Author, out ChainHead held)
                && h.Sequence < held.Sequence && Fences.Table.Of(h.Author) is null);
            foreach (ReplicaId author in replica.Writer.Snapshots.FindOther([.. behind], []))
                await SetAsideAsync(author, cancellationToken).ConfigureAwait(false);
        }
        foreach (Fence fence in Fences.Table.Standing)
        {
            if (Fences.IsOffBranch(fence.Replica)) await SetAsideAsync(fence.Replica, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask SetAsideAsync(ReplicaId author, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (!setAside.Add(author)) return;
            announced.Remove(author);
            chainsToTell.Enqueue(author);
        }
        // In a keyed space a replica gives up its own id only for what its own key signed: the chain, which is told next.
        if (author == replica.Id && replica.IsKeyed) return;
        await replica.NoteForkAsync(author, null, peer!.Value, cancellationToken).ConfigureAwait(false);
        CheckStale();
    }

    /// <summary>What of an author cannot be applied, and does not speak against the peer.</summary>
    /// <returns><see langword="false"/> when it does.</returns>
    private async ValueTask<bool> TryExcuseAsync(BatchRun run, ApplyException error, CancellationToken cancellationToken)
    {
        switch (error.Error)
        {
            case ApplyError.ChainBroken or ApplyError.PartlyCovered or ApplyError.OwnLogForked or ApplyError.Fenced:
                lock (gate) suspicions[run.Author] = error;
                await SetAsideAsync(run.Author, cancellationToken).ConfigureAwait(false);
                return true;
            case ApplyError.KeyRevoked:
                // A server that hears of it says up to where it counts; till then nothing of it is taken.
                lock (gate)
                {
                    setAside.Add(run.Author);
                    announced.Remove(run.Author);
                    chainsToTell.Enqueue(run.Author);
                }
                return true;
            case ApplyError.UnknownObservedDot or ApplyError.Gap or ApplyError.NotEnrolled or ApplyError.WrongSpace:
                // It may have been seen on the branch that is set aside, or stand behind a snapshot that includes that: then
                // it waits until that is settled.
                lock (gate) return setAside.Count > 0 && setAside.Add(run.Author);
            default:
                return false;
        }
    }

    /// <summary>Whether a snapshot may be given: it stands for the logs of everybody in it, and so for none that is set aside,
    /// and for nothing that a fence has cut off. Who needs it waits until that is settled.</summary>
    private bool MayOffer(Snapshot snapshot) =>
        !setAside.Any(a => snapshot.Vector[a] > 0) && !replica.Writer.IsBeyondFence(snapshot);

    /// <summary>A snapshot that is of another log of somebody than is held here, or includes what a fence has cut off, is not
    /// joined; nor does that speak against the peer.</summary>
    /// <returns><see langword="false"/> when something else is wrong with it.</returns>
    private async ValueTask<bool> TryDeclineAsync(SnapshotManifest manifest, ApplyException error, CancellationToken cancellationToken)
    {
        bool isDropped = error.Error == ApplyError.SnapshotDropped;
        if (!isDropped && error.Error is not (ApplyError.Fenced or ApplyError.SnapshotForked or ApplyError.OwnLogForked)) return false;
        if (error.Error == ApplyError.SnapshotForked)
        {
            // Where a fence says that the snapshot's log is the one that counts, the own one is given up.
            var parting = new PartingWork(manifest);
            await replica.Writer.EnqueueAsync(parting, cancellationToken).ConfigureAwait(false);
            CheckStale();
        }
        lock (gate) (inbox, isApplying) = (null, false);
        WaitForAnotherSession(manifest, isDropped ? null : error.Author);
        if (!isDropped) await SetAsideAsync(error.Author, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>What a snapshot that is not joined includes has to wait, and what builds on that.</summary>
    private void WaitForAnotherSession(SnapshotManifest manifest, ReplicaId? except)
    {
        VersionVector held = replica.Vector;
        lock (gate)
        {
            foreach (SnapshotHead head in manifest.Heads)
            {
                if (head.Sequence <= held[head.Author] || head.Author == except || !setAside.Add(head.Author)) continue;
                announced.Remove(head.Author);
            }
        }
    }

    /// <summary>Likewise a statement may be of somebody whom the peer cannot get to know before that.</summary>
    private bool HasSaidStatements => setAside.Count > 0 || (!mustTellStatements && !mustHearStatements);

    /// <summary>What counts of a run within which its author's fence lies; nothing while the head there is not known.</summary>
    private BatchRun? RunToFence(ReplicaId author, long first, List<ReadOnlyMemory<byte>> batches)
    {
        ChainHead head = Array.Find(replica.Writer.Authors.Heads(), h => h.Author == author);
        if (Fences.Table.Of(author) is not { } fence || head.Sequence != fence.Sequence)
        {
            // Said before what builds on it: the peer cannot take that yet, and nobody is to blame.
            lock (gate)
            {
                if (setAside.Add(author)) chainsToTell.Enqueue(author);
            }
            return null;
        }
        return new BatchRun(author, first, batches, head.Sequence, (byte[])[.. head.Hash.Span, .. head.Signature.Span]);
    }

    private void PassOver(BatchRun run, long lengthBytes)
    {
        lock (gate)
        {
            announced.Remove(run.Author);
            unreturnedCredit += lengthBytes;
            (owesCredit, isApplying) = (true, false);
        }
    }

    private async ValueTask TakeAsync(ChainMessage chain, CancellationToken cancellationToken)
    {
        List<ChainHead> own = ChainHeads.Read(replica, chain.Author);
        await SetAsideAsync(chain.Author, cancellationToken).ConfigureAwait(false);
        ChainHead common = ChainHeads.Common(chain.Author, own, chain.Heads);
        if (chain.Author == replica.Id && replica.IsKeyed && chain.Heads.Count > 0
            && chain.Heads[^1].Sequence > (own.Count == 0 ? 0 : own[^1].Sequence) && IsProof(chain.Heads[^1]))
        {
            await replica.NoteForkAsync(chain.Author, common.Sequence, peer!.Value, cancellationToken).ConfigureAwait(false);
            CheckStale();
        }
        bool isOneLog = own.Count == 0 || chain.Heads.Count == 0
            || common.Sequence == own[^1].Sequence || common.Sequence == chain.Heads[^1].Sequence;
        if (isOneLog)
        {
            ApplyException? error;
            lock (gate) suspicions.TryGetValue(chain.Author, out error);
            if (error is not null && chain.Author != replica.Id && !Fences.IsOffBranch(chain.Author))
                throw new SyncException(ErrorOf(error.Error), error.Message, error);
            await replica.ForgetSuspicionAsync(chain.Author, peerRole, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (!IsProof(chain.Heads[^1])) throw new SyncException(SyncError.BadSignature, $"A head of {chain.Author} is not signed by it.");
        // Heads contradict each other only together with what leads to them: one log may be cut into other runs than its copy.
        List<AsideMessage> proofs = ChainHeads.RunsBehind(replica, common, chain.Heads[^1].Sequence);
        if (proofs.Count > 0)
        {
            lock (gate) proofs.ForEach(proofsToTell.Enqueue);
            return;
        }
        await replica.NoteForkAsync(ForkReport.Of(common, own[^1], chain.Heads[^1]), peer!.Value, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>In a keyed space only what the author signed speaks against it.</summary>
    private bool IsProof(in ChainHead head)
    {
        if (!replica.IsKeyed) return true;
        byte[] whole = [.. head.Hash.Span, .. head.Signature.Span];
        try
        {
            return replica.Writer.Trust.Verify(new BatchRun(head.Author, head.Sequence, [], head.Sequence, whole)).IsVerified;
        }
        catch (ApplyException)
        {
            return false;
        }
    }

    /// <summary>Whether a run that is told as cut off is its author's, also where that was revoked before anything of it had arrived.</summary>
    private bool IsOfAuthor(BatchRun run, in ChainHead head) =>
        !replica.IsKeyed || replica.Writer.Trust.IsSigned(head, BeginningOf(run));

    /// <summary>The first batch of a log of which nothing counts here: it may show, and nothing else does, who its author is. It comes
    /// first of what was set aside.</summary>
    private ReadOnlyMemory<byte> BeginningOf(BatchRun run)
    {
        if (replica.Vector[run.Author] > 0) return default;
        if (run is { FirstSequence: 1, Batches: [var first, ..] }) return first;
        SetAsideRun? kept = Fences.Asides.FirstOrDefault(a => a.Author == run.Author && a.FirstSequence == 1);
        return kept is null ? default : ChainHeads.ReadAside(replica, kept)?.Run.Batches[0] ?? default;
    }

    private ChainMessage? TakeChain()
    {
        ReplicaId author;
        lock (gate)
        {
            if (!chainsToTell.TryDequeue(out author)) return null;
        }
        return new ChainMessage(author, ChainHeads.Thin(ChainHeads.Read(replica, author)));
    }

    // ---- fences, and what they cut off ----

    private async ValueTask TakeAsync(FencesMessage fences, CancellationToken cancellationToken)
    {
        lock (gate) peerAsides.UnionWith(fences.Asides);
        await replica.HearAsync(fences.Fences, cancellationToken).ConfigureAwait(false);
        CheckStale();
        foreach (ForkReport fork in fences.Forks)
        {
            if (!IsProof(fork.One) || !IsProof(fork.Other) || (fork.Common.Sequence > 0 && !IsProof(fork.Common))) continue;
            await replica.NoteForkAsync(fork, peer!.Value, cancellationToken).ConfigureAwait(false);
            CheckStale();
        }
    }

    private FencesMessage? TakeFences()
    {
        lock (gate)
        {
            if (!mustTellFences && toldForks == replica.ForksVersion) return null;
            (mustTellFences, toldForks) = (false, replica.ForksVersion);
        }
        var message = new FencesMessage(Fences.Table.Known,
            [.. Fences.Asides.Select(a => a.Id).Distinct().Order()], replica.ForkReports);
        return message.IsEmpty ? null : message;
    }

    private async ValueTask TakeAsync(AsideMessage aside, CancellationToken cancellationToken)
    {
        long lengthBytes = LengthOf(aside.Run);
        lock (gate)
        {
            if (lengthBytes > receiveCredit)
            {
                throw new SyncException(SyncError.CreditExceeded,
                    $"A run of {lengthBytes} bytes; {receiveCredit} were granted.");
            }
            receiveCredit -= lengthBytes;
            peerAsides.Add(AsideCodec.IdOf(aside.Run));
        }
        if (!AsideCodec.IsWhole(aside.Run, aside.Before))
            throw new SyncException(SyncError.ChainBroken, $"A set-aside run of {aside.Run.Author} does not lead to its head.");
        var head = new ChainHead(aside.Run.Author, aside.Run.LastSequence, aside.Run.Head[..AuthorTable.HashLengthBytes])
        {
            Signature = AuthorTable.SignatureOf(aside.Run.Head),
        };
        if (IsOfAuthor(aside.Run, head) && IsReadable(aside.Run))
        {
            await TakeProofAsync(aside, cancellationToken).ConfigureAwait(false);
            CheckStale();
        }
        lock (gate)
        {
            unreturnedCredit += lengthBytes;
            owesCredit = true;
        }
    }

    /// <summary>A run that came as if it counted, and lies beyond its author's fence, of which whoever sent it had not heard: a
    /// courier's bundle was written before. It is kept aside as any, where what leads to it is known.</summary>
    private async ValueTask KeepBeyondFenceAsync(BatchRun run, CancellationToken cancellationToken)
    {
        if (Fences.Table.Of(run.Author) is not { } fence || run.FirstSequence <= fence.Sequence || Fences.IsOffBranch(run.Author)
            || run.Author == replica.Id || replica.FormerIds.Contains(run.Author)) return;
        SetAsideRun[] kept = [.. Fences.Asides.Where(a => a.Author == run.Author)];
        if (Array.Exists(kept, a => a.Id == AsideCodec.IdOf(run)) || !IsReadable(run)) return;
        IEnumerable<ReadOnlyMemory<byte>> places = run.FirstSequence == fence.Sequence + 1 ? [fence.Head.Hash]
            : kept.Where(a => a.LastSequence == run.FirstSequence - 1)
                .Select(a => ChainHeads.ReadAside(replica, a)?.Run.Head[..AuthorTable.HashLengthBytes] ?? default);
        foreach (ReadOnlyMemory<byte> before in places)
        {
            if (!AsideCodec.IsWhole(run, before)) continue;
            var head = new ChainHead(run.Author, run.LastSequence, run.Head[..AuthorTable.HashLengthBytes]) { Signature = AuthorTable.SignatureOf(run.Head) };
            if (IsOfAuthor(run, head)) await replica.KeepAsideAsync(run, before, isProven: false, cancellationToken).ConfigureAwait(false);
            return;
        }
    }

    /// <summary>A run of an author whose logs seemed to differ: it goes on otherwise than the log that is held, or it is that
    /// log and more of it.</summary>
    private async ValueTask TakeProofAsync(AsideMessage aside, CancellationToken cancellationToken)
    {
        ForkReport? fork = ChainHeads.FindFork(replica, aside, out bool isSameLog);
        if (fork is not null)
            await replica.NoteForkAsync(fork, peer!.Value, isProven: true, cancellationToken).ConfigureAwait(false);
        if (!isSameLog)
        {
            await replica.KeepAsideAsync(aside.Run, aside.Before, fork is not null, cancellationToken).ConfigureAwait(false);
            return;
        }
        try
        {
            await replica.ApplyAsync(aside.Run, cancellationToken).ConfigureAwait(false);
            await replica.ForgetSuspicionAsync(aside.Run.Author, peerRole, cancellationToken).ConfigureAwait(false);
        }
        catch (ApplyException)
        {
            // What it builds on has not arrived: the next session brings both.
        }
    }

    /// <summary>What is kept will be read one day: whether it can be is looked at now.</summary>
    private static bool IsReadable(BatchRun run)
    {
        var (reader, batch) = (new BatchReader(), new BatchColumns());
        long next = run.FirstSequence;
        try
        {
            foreach (ReadOnlyMemory<byte> payload in run.Batches)
            {
                reader.Read(payload, run.Author, next, batch);
                next += batch.MutationCount;
            }
        }
        catch (BatchFormatException)
        {
            return false;
        }
        return next - 1 == run.LastSequence;
    }

    private bool HasAsides()
    {
        if (proofsToTell.Count > 0) return true;
        if (!ReferenceEquals(asidesSeen, Fences.Asides))
        {
            asidesSeen = Fences.Asides;
            asidesToTell.Clear();
            foreach (SetAsideRun aside in asidesSeen)
            {
                if (!peerAsides.Contains(aside.Id)) asidesToTell.Enqueue(aside);
            }
        }
        return asidesToTell.Count > 0;
    }

    private AsideMessage? TakeAside()
    {
        SetAsideRun? next;
        lock (gate)
        {
            if (isPeerKnown && proofsToTell.TryPeek(out AsideMessage? proof))
            {
                if (LengthOf(proof.Run) > sendCredit)
                {
                    isOutOfCredit = true;
                    return null;
                }
                sendCredit -= LengthOf(proof.Run);
                return proofsToTell.Dequeue();
            }
            if (!isPeerKnown || !HasAsides()) return null;
            next = asidesToTell.Peek();
            if (next.LengthBytes > sendCredit)
            {
                isOutOfCredit = true;
                return null;
            }
            sendCredit -= next.LengthBytes;
            asidesToTell.Dequeue();
            peerAsides.Add(next.Id);
        }
        return ChainHeads.ReadAside(replica, next);
    }

    /// <summary>What is known of fences belongs to what both sides compare first; where nobody is fenced it adds nothing.</summary>
    private void WriteKnown(ref MessagePackWriter writer)
    {
        foreach (Fence fence in Fences.Table.Known) FenceCodec.Write(ref writer, fence);
        foreach (ulong aside in Fences.Asides.Select(a => a.Id).Distinct().Order()) writer.Write(aside);
        foreach (ForkReport fork in replica.ForkReports) ForkCodec.Write(ref writer, fork);
    }
}
