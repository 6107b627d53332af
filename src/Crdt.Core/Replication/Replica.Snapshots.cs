using System.Security.Cryptography;

namespace Crdt;

/// <content>Snapshots, and dropping the log before them.</content>
public sealed partial class Replica
{
    private readonly SemaphoreSlim pruning = new(1, 1);
    private volatile bool isSnapshotRequested;

    /// <summary>The snapshots that this replica holds, made here or joined, in the order in which they came.</summary>
    public IReadOnlyList<Snapshot> Snapshots => writer.Snapshots.Held;

    /// <summary>What is not in the log any more: mutations up to here are included in the snapshot on which it stands, and
    /// are not listed. Empty as long as nothing was dropped.</summary>
    public VersionVector PrunedTo =>
        store.LogStart > default(LogPosition) && writer.Snapshots.Basis is { } basis ? basis.Vector : VersionVector.Empty;

    /// <summary>Makes a snapshot of the present state and puts it into the log: whoever lacks something before it gets the
    /// snapshot instead of the log, and the log before it may be dropped. Commits go on meanwhile.</summary>
    /// <returns>The snapshot; the last one made here when nothing has changed since.</returns>
    /// <exception cref="InvalidOperationException">This replica writes in the client role, which makes none; or the space's
    /// founding has not arrived; or the space has more authors than one manifest can name.</exception>
    public async ValueTask<Snapshot> TakeSnapshotAsync(CancellationToken cancellationToken = default)
    {
        if (Role == ReplicaRole.Client)
            throw new InvalidOperationException("Snapshots are made in the server role only (semantics 3.4).");
        if (Vector.Count == 0)
            throw new InvalidOperationException("The replica has not met its space yet: there is nothing to make a snapshot of.");
        var beginning = new BeginSnapshotWork();
        await writer.EnqueueAsync(beginning, cancellationToken).ConfigureAwait(false);
        try
        {
            Snapshot? last = Snapshots.LastOrDefault(s => s.Maker == Id);
            if (last is not null && last.Digest == beginning.Digest
                && last.Vector.Equals(VersionVector.From(beginning.Heads.Select(h => new Dot(h.Author, h.Sequence))))) return last;
            return await WriteSnapshotAsync(beginning, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            writer.Cache.CloseView(beginning.Epoch);
        }
    }

    /// <summary>Drops the beginning of the log, up to the newest snapshot of a server-role replica that is held; the
    /// snapshot stays, and stands for what was dropped. What others have not acknowledged by then they get as a snapshot.
    /// Mutations that the snapshot does not include are never dropped, nor what another server is not known to hold: that may
    /// have ended somebody's log before it.</summary>
    /// <exception cref="InvalidOperationException">The projection cannot be brought up to date, so that nothing may be
    /// dropped; the cause says why.</exception>
    public ValueTask<PruneResult> PruneAsync(CancellationToken cancellationToken = default) =>
        PruneBelowAsync(static _ => true, cancellationToken);

    /// <summary>Makes the log as short as the space's retention asks for, as far as that is possible now: in the server role by
    /// making snapshots, elsewhere by asking for one, everywhere by dropping what stands before one that everybody has seen.</summary>
    /// <returns>What was dropped; <see cref="PruneOutcome.NothingToDrop"/> where the space asks for nothing.</returns>
    public ValueTask<PruneResult> EnforceRetentionAsync(CancellationToken cancellationToken = default) =>
        retainer.RunAsync(cancellationToken);

    /// <summary>Drops the beginning of the log, up to the newest of certain snapshots.</summary>
    internal async ValueTask<PruneResult> PruneBelowAsync(Func<Snapshot, bool> isUsable, CancellationToken cancellationToken)
    {
        if (Retention == HistoryRetention.Keep) return new PruneResult(PruneOutcome.Kept, PrunedTo, store.LogStart);
        await pruning.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await PruneBelowNewestAsync(isUsable, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            pruning.Release();
        }
    }

    /// <summary>Asks for a snapshot to drop the log behind (<see cref="PruneAsync"/>), in each session until one has come that
    /// includes more than any that is held. Whoever always keeps up needs this: it is never given one to catch up by. Where
    /// this replica holds just what the snapshot includes, only its manifest travels.</summary>
    public void RequestSnapshot()
    {
        isSnapshotRequested = true;
        writer.Committed.Set();
    }

    /// <summary>Whether a snapshot is to be asked for.</summary>
    internal bool IsSnapshotRequested => isSnapshotRequested;

    /// <summary>Whether a snapshot that was asked for is worth having.</summary>
    internal bool IsWanted(SnapshotManifest manifest) => !Snapshots.Any(s => s.Vector.Covers(manifest.Vector));

    /// <summary>Makes the chunks of somebody else's snapshot from the own state, where that is the one it shows: the same state
    /// gives the same chunks.</summary>
    /// <param name="manifest">A manifest that was believed.</param>
    /// <param name="from">How many of them are here already.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>How many are here then.</returns>
    internal async ValueTask<int> MakeChunksAsync(SnapshotManifest manifest, int from, CancellationToken cancellationToken)
    {
        var beginning = new BeginSnapshotWork();
        await writer.EnqueueAsync(beginning, cancellationToken).ConfigureAwait(false);
        try
        {
            bool isSame = beginning.Digest.Value == manifest.Digest && beginning.Heads.Length == manifest.Heads.Count
                && beginning.Heads.Zip(manifest.Heads).All(static h => h.First.Author == h.Second.Author
                    && h.First.Sequence == h.Second.Sequence && h.First.Hash.SequenceEqual(h.Second.Hash));
            if (!isSame) return from;
            int next = 0;
            foreach (byte[] chunk in ChunksOf(manifest.Heads, beginning.Epoch))
            {
                // A later build may compress otherwise: from there on it is fetched.
                if (next == manifest.Chunks.Count
                    || !SHA256.HashData(chunk).AsSpan().SequenceEqual(manifest.Chunks[next].Hash.Span)) break;
                if (next >= from) await TakeAsync(manifest, next, chunk, cancellationToken).ConfigureAwait(false);
                next++;
            }
            return Math.Max(from, next);
        }
        finally
        {
            writer.Cache.CloseView(beginning.Epoch);
        }
    }

    /// <summary>Takes a manifest that a peer offers, if it can be believed and is of the logs that count here.</summary>
    /// <returns>How many of its chunks are here already.</returns>
    /// <exception cref="ApplyException">It cannot be believed, or names whose log differs.</exception>
    internal async ValueTask<int> ConsiderAsync(SnapshotManifest manifest, CancellationToken cancellationToken)
    {
        SnapshotTrust.Check(manifest, Space, writer.Trust.Scheme);
        writer.CheckMaker(manifest, writer.Fences.Table);
        int count = 0;
        await writer.EnqueueAsync(new CallWork(w =>
        {
            w.CheckBranches(manifest);
            count = w.Snapshots.CountOf(manifest.Number);
        }), cancellationToken).ConfigureAwait(false);
        return count;
    }

    /// <summary>Takes the next chunk of a snapshot whose manifest was believed.</summary>
    /// <exception cref="ApplyException">It is not the chunk that the manifest names; nothing was taken.</exception>
    internal async ValueTask TakeAsync(
        SnapshotManifest manifest, int index, ReadOnlyMemory<byte> chunk, CancellationToken cancellationToken)
    {
        if (!SHA256.HashData(chunk.Span).AsSpan().SequenceEqual(manifest.Chunks[index].Hash.Span))
        {
            throw new ApplyException(ApplyError.BadSnapshot, manifest.Maker, 0,
                $"Chunk {index + 1} of a snapshot of {manifest.Maker} is not the one that its manifest names");
        }
        var work = new ChunkWork(manifest.Maker, manifest.Number, index, chunk);
        await writer.EnqueueAsync(work, cancellationToken).ConfigureAwait(false);
        if (!work.IsHeld)
        {
            throw new ApplyException(ApplyError.SnapshotDropped, manifest.Maker, 0,
                $"The chunks before chunk {index + 1} of a snapshot of {manifest.Maker} are not here any more");
        }
    }

    /// <summary>Joins a snapshot whose manifest was believed and whose chunks are here.</summary>
    /// <exception cref="ApplyException">It is not sound; the state is as it was.</exception>
    internal async ValueTask JoinAsync(SnapshotManifest manifest, CancellationToken cancellationToken)
    {
        await writer.EnqueueAsync(new JoinWork(manifest), cancellationToken).ConfigureAwait(false);
        isSnapshotRequested = false;
    }

    private async ValueTask<Snapshot> WriteSnapshotAsync(BeginSnapshotWork beginning, CancellationToken cancellationToken)
    {
        (ReplicaId authority, ReadOnlyMemory<byte> founding) = writer.Snapshots.ReadFounding();
        var chunks = new List<SnapshotChunk>();
        foreach (byte[] chunk in ChunksOf(beginning.Heads, beginning.Epoch))
        {
            await writer.EnqueueAsync(new OwnChunkWork(chunks.Count, chunk), cancellationToken).ConfigureAwait(false);
            chunks.Add(new SnapshotChunk(SHA256.HashData(chunk), chunk.Length));
        }
        byte[] bytes = SnapshotManifest.Encode(
            writer.Identity, authority, founding, beginning.Digest.Value,
            ChainPoints.AddTo(writer, store, beginning.Heads, beginning.At), chunks, beginning.Members,
            signed => writer.Trust.SealSnapshot(signed.Span));
        if (bytes.Length > FormatLimits.SnapshotManifestLengthBytesMax)
        {
            throw new InvalidOperationException(
                $"The snapshot's manifest takes {bytes.Length} bytes; {FormatLimits.SnapshotManifestLengthBytesMax} are allowed.");
        }
        var completing = new OwnSnapshotWork(SnapshotManifest.Decode(bytes), beginning.At);
        await writer.EnqueueAsync(completing, cancellationToken).ConfigureAwait(false);
        return completing.Result!;
    }

    /// <summary>The state of a moment that is held on to, in chunks.</summary>
    private IEnumerable<byte[]> ChunksOf(IReadOnlyList<SnapshotHead> heads, long epoch)
    {
        var encoder = new SnapshotWriter(heads, writer.Authors.Ids);
        foreach (EntityKey key in writer.Cache.Keys(null, null))
        {
            if (writer.Cache.Peek(key, epoch) is not { Slots.IsEmpty: false } state) continue;
            foreach (byte[] chunk in encoder.Add(state)) yield return chunk;
        }
        if (encoder.Finish() is { } last) yield return last;
    }

    private async ValueTask<PruneResult> PruneBelowNewestAsync(Func<Snapshot, bool> isUsable, CancellationToken cancellationToken)
    {
        Snapshot? basis = writer.Snapshots.Basis;
        Snapshot[] usable = [.. Snapshots.Where(s => (basis is null || s.Vector.Covers(basis.Vector)) && !writer.IsBeyondFence(s) && isUsable(s))];
        if (usable.Length == 0) return new PruneResult(PruneOutcome.NoSnapshot, PrunedTo, store.LogStart);
        usable = [.. usable.Where(writer.IsHeldByServers)];
        if (usable.Length == 0) return new PruneResult(PruneOutcome.Awaited, PrunedTo, store.LogStart);
        foreach (Snapshot snapshot in usable.Reverse())
        {
            (LogPosition floor, List<LogEntry> kept) = FindFloor(snapshot);
            if (floor <= store.LogStart) continue;
            var noting = new FloorWork(snapshot, kept);
            await writer.EnqueueAsync(noting, cancellationToken).ConfigureAwait(false);
            if (!noting.IsNoted) continue;
            await FlushAsync(cancellationToken).ConfigureAwait(false);
            if (writer.ProjectionError is { } error)
                throw new InvalidOperationException("The log cannot be dropped: its projection is not up to date.", error);
            await store.PruneAsync(floor, cancellationToken).ConfigureAwait(false);
            await writer.EnqueueAsync(new CallWork(static w => w.Snapshots.ForgetDropped()), cancellationToken).ConfigureAwait(false);
            return new PruneResult(PruneOutcome.Pruned, PrunedTo, store.LogStart);
        }
        return new PruneResult(PruneOutcome.NothingToDrop, PrunedTo, store.LogStart);
    }

    /// <summary>Whether an entry means nothing, and what it says is not lost with it: it is kept aside, or was written again.</summary>
    private bool IsKeptOtherwise(in LogEntry entry)
    {
        if (!writer.Fences.IsVoid(entry)) return false;
        (ReplicaId author, long last) = (entry.Author, entry.LastSequence);
        return author == Id || FormerIds.Contains(author)
            ? PendingReissues == 0 && writer.MayWriteNow
            : SetAside.Any(a => a.Author == author && a.FirstSequence <= last && a.LastSequence >= last);
    }

    /// <summary>Up to where the log may go: to the snapshot's first chunk, or to the first entry before it that the snapshot
    /// does not include. What was set aside has to be written again behind it.</summary>
    private (LogPosition Floor, List<LogEntry> Kept) FindFloor(Snapshot snapshot)
    {
        var kept = new List<(LogPosition At, LogEntry Entry)>();
        LogPosition at = store.LogStart;
        foreach (LoggedEntry logged in store.ReadLog(at))
        {
            if (at >= snapshot.ChunksFrom
                || !(IsKeptOtherwise(logged.Entry) || logged.Entry.Reaches().All(snapshot.Vector.Covers))) break;
            if (logged.Entry.Kind is LogEntryKind.Aside or LogEntryKind.Fence or LogEntryKind.Parting) kept.Add((at, logged.Entry));
            at = logged.Next;
        }
        // Another snapshot that this one does not include stays with its chunks, which stand before it, wherever it ends.
        foreach (Snapshot other in Snapshots)
        {
            if (other.ChunksFrom < at && !snapshot.Vector.Covers(other.Vector)) at = other.ChunksFrom;
        }
        return (at, [.. kept.Where(k => k.At < at).Select(k => k.Entry)]);
    }
}
