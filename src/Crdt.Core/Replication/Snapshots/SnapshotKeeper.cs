using System.Security.Cryptography;
using MessagePack;

namespace Crdt;

/// <summary>The snapshots in a replica's log: those that are whole, those that are still arriving, and the one on which a
/// pruned log stands. Owned by the single writer; what others read is published after each commit.</summary>
internal sealed class SnapshotKeeper(ReplicaWriter writer, IReplicaStore store)
{
    /// <summary>Transfers that may be under way or broken off at a time; the oldest begins anew.</summary>
    private const int PendingMax = 4;

    private readonly List<Snapshot> added = [];
    private readonly List<PendingSnapshot> pending = [], pendingAdded = [];
    private Snapshot[] held = [];
    private Snapshot? basis, basisAdded;

    /// <summary>The snapshots in the log whose chunks are all there, in its order.</summary>
    public IReadOnlyList<Snapshot> Held => Volatile.Read(ref held);

    /// <summary>The snapshot that stands for what was dropped from the log; <see langword="null"/> when nothing was.</summary>
    public Snapshot? Basis => Volatile.Read(ref basis);

    /// <summary>Whether a snapshot is the basis, also before that is published. On the writer's turn.</summary>
    public bool IsBasis(long number) => (basisAdded ?? basis)?.Number == number;

    /// <summary>How many chunks of a snapshot are there already. On the writer's turn.</summary>
    public int CountOf(long number) => Find(number)?.Count ?? 0;

    // ---- what is written ----

    /// <summary>Adds a chunk of a snapshot that is arriving, unless it is there.</summary>
    /// <returns><see langword="false"/> when the one before it is not there any more.</returns>
    public bool PrepareChunk(ReplicaId maker, long number, int index, ReadOnlyMemory<byte> chunk)
    {
        PendingSnapshot known = Find(number) ?? new PendingSnapshot(number, writer.PublishedEnd, 0);
        if (known.Count > index || IsHeld(number)) return true;
        if (known.Count < index) return false;
        writer.AddEntry(new LogEntry(LogEntryKind.SnapshotChunk, maker, index + 1, number, chunk));
        pendingAdded.Add(known with { Count = index + 1 });
        return true;
    }

    /// <summary>Completes a snapshot whose chunks are all there: joins its state, all of it or nothing.</summary>
    /// <exception cref="ApplyException">It is not sound, or the log of an author in it is another than the one held.</exception>
    public void PrepareJoin(SnapshotManifest manifest)
    {
        if (IsHeld(manifest.Number)) return;
        LogPosition chunksFrom = Find(manifest.Number)?.ChunksFrom
            ?? throw Fail(manifest, ApplyError.BadSnapshot, "Its chunks are not there");
        foreach (EntityKey _ in SnapshotJoin.Run(writer, manifest, ReadChunks(manifest, chunksFrom)))
        {
            // All of it in one unit: it becomes visible as a whole.
        }
        Add(manifest, chunksFrom);
    }

    /// <summary>Adds a chunk of a snapshot that this replica is making.</summary>
    public void PrepareOwnChunk(int index, byte[] chunk) =>
        writer.AddEntry(new LogEntry(LogEntryKind.SnapshotChunk, writer.Identity.Replica, index + 1, 0, chunk));

    /// <summary>Completes a snapshot that this replica made: nothing has to be joined.</summary>
    public Snapshot PrepareOwn(SnapshotManifest manifest, LogPosition chunksFrom) => Add(manifest, chunksFrom);

    /// <summary>Notes down that the log may be dropped up to a snapshot.</summary>
    public void PrepareFloor(Snapshot on)
    {
        writer.AddEntry(new LogEntry(
            LogEntryKind.Floor, writer.Identity.Replica, 0, 0, FloorCodec.Encode(writer, on)));
        basisAdded = on;
    }

    /// <summary>Forgets what the group would have added.</summary>
    public void Revert()
    {
        added.Clear();
        pendingAdded.Clear();
        basisAdded = null;
    }

    /// <summary>Makes what the group added the present.</summary>
    public void Publish()
    {
        foreach (PendingSnapshot news in pendingAdded)
        {
            pending.RemoveAll(p => p.Number == news.Number);
            pending.Add(news);
        }
        if (pending.Count > PendingMax) pending.RemoveRange(0, pending.Count - PendingMax);
        if (added.Count > 0)
        {
            pending.RemoveAll(p => added.Exists(a => a.Number == p.Number));
            Volatile.Write(ref held, [.. held, .. added]);
        }
        if (basisAdded is not null) Volatile.Write(ref basis, basisAdded);
        Revert();
    }

    /// <summary>After the log was dropped up to its present start: snapshots whose chunks went with it are no more.</summary>
    public void ForgetDropped()
    {
        LogPosition start = store.LogStart;
        pending.RemoveAll(p => p.ChunksFrom < start);
        Volatile.Write(ref held, [.. held.Where(s => s.ChunksFrom >= start || s.Number == basis?.Number)]);
    }

    // ---- what is read ----

    /// <summary>The manifest of a snapshot that is held.</summary>
    public SnapshotManifest ReadManifest(Snapshot snapshot) => TryReadManifest(snapshot)
        ?? throw new InvalidOperationException($"The snapshot of {snapshot.Maker} is not in the log any more.");

    /// <summary>The same, beside the writer's turn: the log may be dropped meanwhile, and the snapshot with it.</summary>
    public SnapshotManifest? TryReadManifest(Snapshot snapshot)
    {
        foreach (LoggedEntry logged in store.ReadLog(snapshot.ManifestFrom))
        {
            if (logged.Entry.Kind == LogEntryKind.Snapshot && logged.Entry.LastSequence == snapshot.Number)
                return SnapshotManifest.Decode(logged.Entry.Payload);
        }
        return null;
    }

    /// <summary>The chunks of a snapshot, in order, as stored.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> ReadChunks(SnapshotManifest manifest, LogPosition from)
    {
        int next = 0;
        foreach (LoggedEntry logged in store.ReadLog(from))
        {
            if (next == manifest.Chunks.Count) yield break;
            LogEntry entry = logged.Entry;
            if (entry.Kind != LogEntryKind.SnapshotChunk || entry.Author != manifest.Maker || entry.FirstSequence != next + 1
                || !SHA256.HashData(entry.Payload.Span).AsSpan().SequenceEqual(manifest.Chunks[next].Hash.Span)) continue;
            next++;
            yield return entry.Payload;
        }
        if (next < manifest.Chunks.Count) throw Fail(manifest, ApplyError.SnapshotDropped, $"Chunk {next + 1} is not there");
    }

    /// <summary>The space's genesis batch, and who wrote it; from the log or from a snapshot.</summary>
    public (ReplicaId Authority, ReadOnlyMemory<byte> Batch) ReadFounding()
    {
        SnapshotManifest? manifest = null;
        if (store.LogStart == default(LogPosition))
        {
            foreach (LoggedEntry logged in store.ReadLog(default))
            {
                LogEntry entry = logged.Entry;
                if (entry.Kind == LogEntryKind.Batch && entry.FirstSequence == 1
                    && IsFounding(entry.Author, entry.Payload.Span)) return (entry.Author, entry.Payload);
                if (entry.Kind != LogEntryKind.Snapshot) continue;
                manifest = SnapshotManifest.Decode(entry.Payload);
                break;
            }
        }
        else if (basis is not null) manifest = ReadManifest(basis);
        return manifest is null
            ? throw new InvalidOperationException("The space's founding is not in the log.")
            : (manifest.Authority, manifest.Founding);
    }

    /// <summary>Whether this batch founds the replica's space.</summary>
    public bool IsFounding(ReplicaId authority, ReadOnlySpan<byte> batch) => SpaceId.FromBytes(
        AuthorTable.ChainNext(AuthorTable.ChainStart(authority), batch)) == writer.Identity.Space;

    // ---- opening ----

    /// <summary>An entry of the log that is applied again.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="at">Where it begins.</param>
    /// <returns>The steps of joining it, where it brings anything.</returns>
    public IEnumerable<EntityKey> Replay(LogEntry entry, LogPosition at)
    {
        switch (entry.Kind)
        {
            case LogEntryKind.SnapshotChunk when entry.LastSequence > 0:
                PendingSnapshot known = Find(entry.LastSequence) ?? new PendingSnapshot(entry.LastSequence, at, 0);
                if (known.Count + 1 == entry.FirstSequence) pendingAdded.Add(known with { Count = known.Count + 1 });
                break;
            case LogEntryKind.Snapshot:
                SnapshotManifest manifest = SnapshotManifest.Decode(entry.Payload);
                var chunksFrom = new LogPosition(entry.FirstSequence);
                if (chunksFrom < store.LogStart) break;
                if (!IsCovered(manifest))
                {
                    foreach (EntityKey step in SnapshotJoin.Run(writer, manifest, ReadChunks(manifest, chunksFrom)))
                        yield return step;
                }
                added.Add(Snapshot.Of(manifest, chunksFrom, at));
                break;
            case LogEntryKind.Floor:
                (long number, LogPosition floorChunks, LogPosition floorManifest) = FloorCodec.Read(entry.Payload);
                // An earlier floor may stand behind what was dropped since: its snapshot went, and a later one stands for it.
                if (floorChunks < store.LogStart) break;
                basisAdded = held.Concat(added).FirstOrDefault(s => s.Number == number) ?? Find(number, floorChunks, floorManifest);
                break;
        }
    }

    /// <summary>Begins a state anew from the snapshot on which a pruned log stands, with the bookkeeping noted then.</summary>
    /// <returns>The steps of joining it.</returns>
    public IEnumerable<EntityKey> Rebuild()
    {
        ReadOnlyMemory<byte>? floor = null;
        foreach (LoggedEntry logged in store.ReadLog(store.LogStart))
        {
            if (logged.Entry.Kind == LogEntryKind.Floor) floor = logged.Entry.Payload;
        }
        if (floor is not { } bytes)
            throw new InvalidOperationException("The log begins in its middle, and no snapshot stands for what is missing.");
        (long number, LogPosition chunks, LogPosition at) = FloorCodec.Read(bytes);
        Snapshot snapshot = Find(number, chunks, at);
        SnapshotManifest manifest = ReadManifest(snapshot);
        foreach (EntityKey step in SnapshotJoin.Run(writer, manifest, ReadChunks(manifest, chunks))) yield return step;
        FloorCodec.Restore(writer, bytes);
        basisAdded = snapshot;
    }

    // ---- checkpoint ----

    public void Write(ref MessagePackWriter output)
    {
        Snapshot[] all = held;
        output.Write(all.Length);
        foreach (Snapshot snapshot in all)
        {
            AcknowledgementCodec.WriteReplica(ref output, snapshot.Maker);
            AcknowledgementCodec.WriteVector(ref output, snapshot.Vector);
            output.Write((ulong)(snapshot.Digest.Value >> 64));
            output.Write((ulong)snapshot.Digest.Value);
            output.Write(snapshot.Chunks);
            output.Write(snapshot.LengthBytes);
            output.Write(snapshot.Number);
            output.Write(snapshot.ChunksFrom.Value);
            output.Write(snapshot.ManifestFrom.Value);
        }
        output.Write(basis?.Number ?? 0);
        output.Write(pending.Count);
        foreach (PendingSnapshot unfinished in pending)
        {
            output.Write(unfinished.Number);
            output.Write(unfinished.ChunksFrom.Value);
            output.Write(unfinished.Count);
        }
    }

    public void Read(ref CanonicalReader reader)
    {
        for (int i = reader.ReadCount("The number of snapshots"); i > 0; i--)
        {
            ReplicaId maker = AcknowledgementCodec.ReadReplica(ref reader);
            VersionVector vector = AcknowledgementCodec.ReadVector(ref reader);
            var digest = new StateDigest(new UInt128(reader.ReadUInt64(), reader.ReadUInt64()));
            added.Add(new Snapshot(maker, vector, digest, reader.ReadInt32(int.MaxValue, "The number of chunks"), reader.ReadInt64())
            {
                Number = reader.ReadInt64(),
                ChunksFrom = new LogPosition(reader.ReadInt64()),
                ManifestFrom = new LogPosition(reader.ReadInt64()),
            });
        }
        long number = reader.ReadInt64();
        basisAdded = added.Find(s => s.Number == number);
        for (int i = reader.ReadCount("The number of transfers"); i > 0; i--)
        {
            pendingAdded.Add(new PendingSnapshot(
                reader.ReadInt64(), new LogPosition(reader.ReadInt64()), reader.ReadInt32(int.MaxValue, "The number of chunks")));
        }
        Publish();
    }

    private Snapshot Add(SnapshotManifest manifest, LogPosition chunksFrom)
    {
        writer.AddEntry(new LogEntry(
            LogEntryKind.Snapshot, manifest.Maker, chunksFrom.Value, manifest.Number, manifest.Bytes));
        var snapshot = Snapshot.Of(manifest, chunksFrom, writer.PublishedEnd);
        added.Add(snapshot);
        return snapshot;
    }

    /// <summary>Whether it is whole already: two peers may bring the same one.</summary>
    private bool IsHeld(long number) => added.Exists(s => s.Number == number) || held.Any(s => s.Number == number);

    private PendingSnapshot? Find(long number) =>
        pendingAdded.FindLast(p => p.Number == number) ?? pending.Find(p => p.Number == number);

    private Snapshot Find(long number, LogPosition chunks, LogPosition at)
    {
        SnapshotManifest manifest = ReadManifest(new Snapshot(default, VersionVector.Empty, default, 0, 0)
        {
            Number = number,
            ManifestFrom = at,
        });
        return Snapshot.Of(manifest, chunks, at);
    }

    private bool IsCovered(SnapshotManifest manifest) =>
        manifest.Heads.All(h => writer.Authors.AppliedOf(h.Author) >= h.Sequence);

    /// <summary>Whether a snapshot is of the same logs as those that are held, as far as these tell.</summary>
    /// <exception cref="ApplyException">It is not; it names whose log differs.</exception>
    public void CheckHeads(SnapshotManifest manifest)
    {
        AuthorTable.AuthorState own = writer.Authors[0];
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (head.Author != writer.Identity.Replica || head.Sequence <= own.Applied) continue;
            throw Fail(manifest, ApplyError.OwnLogForked, head,
                $"This replica wrote {own.Applied} mutations, and it includes {head.Sequence}: the id is in use twice");
        }
        foreach (SnapshotHead head in HeadsOfOther(manifest)) throw FailForked(manifest, head);
    }

    /// <summary>The heads of a snapshot that are of another log than the one held, as far as either tells. On the writer's turn.</summary>
    public IEnumerable<SnapshotHead> HeadsOfOther(SnapshotManifest manifest)
    {
        var within = new List<ChainHead>();
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (!writer.Authors.Ids.TryGetIndex(head.Author, out int author)) continue;
            AuthorTable.AuthorState state = writer.Authors[author];
            bool isOther = head.Sequence == state.HeadSequence
                ? !head.Hash.SequenceEqual(state.Head)
                : head.Sequence > state.Applied && new ChainPoints(head.Points).Tells(state.HeadSequence, state.Head) is false;
            if (isOther) yield return head;
            if (head.Sequence < state.Applied && head.Sequence != state.HeadSequence)
                within.Add(new ChainHead(head.Author, head.Sequence, head.Head[..AuthorTable.HashLengthBytes]));
        }
        foreach (ReplicaId author in FindOther(within, writer.Unwritten)) yield return manifest.Heads.First(h => h.Author == author);
    }

    /// <summary>Whether some snapshot that is held tells that its log passes through a head.</summary>
    public bool Tells(ChainHead head) => Held.Where(s => s.Vector[head.Author] >= head.Sequence).Select(TryReadManifest).OfType<SnapshotManifest>()
        .Any(m => m.Heads.Any(h => h.Author == head.Author && h.Tells(head.Sequence, head.Hash.Span) is true));

    /// <summary>The snapshot that has to go before anything else of the log to whoever lacks something in it: it brings the logs
    /// for which others were given up here, and what stands before it names them.</summary>
    public Snapshot? First(IReadOnlyList<Parting> partings) => partings.Count == 0 ? basis
        : Held.LastOrDefault(s => (basis is null || s.Vector.Covers(basis.Vector)) && partings.All(p => s.Vector[p.Author] > p.Common)) ?? basis;

    /// <summary>Whose log, as it is held, stands otherwise at a head, by what the log tells, or a snapshot that stands for it.</summary>
    /// <param name="within">Heads of another log, or the beginnings of their hashes; each within what is held.</param>
    /// <param name="unwritten">What stands behind the log already; nothing where it is not the writer's turn.</param>
    public IEnumerable<ReplicaId> FindOther(IReadOnlyCollection<ChainHead> within, IReadOnlyList<LogEntry> unwritten)
    {
        List<ReplicaId> others = ChainHeads.FindOther(store, unwritten, writer.Fences, within, out IReadOnlyCollection<ChainHead> untold);
        if (untold.Count == 0) return others;
        foreach (SnapshotManifest manifest in Held.Select(TryReadManifest).OfType<SnapshotManifest>())
        {
            foreach (SnapshotHead included in manifest.Heads)
            {
                foreach (ChainHead head in untold.Where(h => h.Author == included.Author))
                {
                    if (included.Tells(head.Sequence, head.Hash.Span) is false) others.Add(head.Author);
                }
            }
        }
        return others.Distinct();
    }

    private static ApplyException FailForked(SnapshotManifest manifest, SnapshotHead head) => Fail(
        manifest, ApplyError.SnapshotForked, head,
        $"At sequence {head.Sequence} it stands on another log of replica {head.Author} than is held: that id is in use twice");

    private static ApplyException Fail(SnapshotManifest manifest, ApplyError error, string message) =>
        new(error, manifest.Maker, 0, $"The snapshot of {manifest.Maker} cannot be joined: {message}");

    private static ApplyException Fail(SnapshotManifest manifest, ApplyError error, SnapshotHead of, string message) =>
        new(error, of.Author, of.Sequence, $"The snapshot of {manifest.Maker} cannot be joined: {message}");
}
