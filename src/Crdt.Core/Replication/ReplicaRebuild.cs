using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Begins a replica's state anew from its log, without what fences have cut off; under a new id, where the old
/// one cannot be used any more.</summary>
internal static class ReplicaRebuild
{
    /// <summary>On the writer's turn.</summary>
    /// <param name="store">The replica's store.</param>
    /// <param name="options">How the replica runs.</param>
    /// <param name="before">The writer that is replaced.</param>
    /// <returns>The writer that goes on, not yet at work; and the entities that may read differently there.</returns>
    public static async ValueTask<(ReplicaWriter Next, IReadOnlyList<EntityKey> Changed)> RunAsync(
        IReplicaStore store, ReplicaOptions options, ReplicaWriter before)
    {
        await before.ProjectionStored.ConfigureAwait(false);
        var entries = new List<LogEntry>();
        if (before.MustTakeNewId)
        {
            before.CloseOwnRun();
            ReplicaId fresh = options.NewReplicaId!();
            if (fresh.IsEmpty || before.Authors.Ids.TryGetIndex(fresh, out _))
                throw new InvalidOperationException($"{fresh} is not a fresh replica id.");
            byte[] old = new byte[ReplicaId.LengthBytes];
            before.Identity.Replica.WriteBytes(old);
            entries.Add(new LogEntry(LogEntryKind.Identity, fresh, 0, 0, old));
        }
        await before.AppendAsync(entries).ConfigureAwait(false);
        ReplicaWriter next = before;
        var changed = new HashSet<EntityKey>();
        do
        {
            await next.AppendAsync(CutOff(store, next, changed)).ConfigureAwait(false);
            if (store.IsProjecting) await store.ResetProjectionAsync(CancellationToken.None).ConfigureAwait(false);
            next = new ReplicaWriter(store, options, next);
            await next.RestoreAsync().ConfigureAwait(false);
        }
        while (next.Fences.MustRebuild);
        await next.TakeHeadsAtFencesAsync().ConfigureAwait(false);
        next.Inherit(before);
        return (next, [.. changed.Order()]);
    }

    /// <summary>What the log holds beyond fences and is not kept aside yet, run by run. What this replica wrote itself,
    /// under an id that it has given up, it writes again: that is not somebody else's to keep.</summary>
    private static List<LogEntry> CutOff(IReplicaStore store, ReplicaWriter writer, HashSet<EntityKey> changed)
    {
        var asides = new List<LogEntry>();
        if (!writer.Fences.MustRebuild) return asides;
        var heads = new Dictionary<ReplicaId, (long Sequence, ReadOnlyMemory<byte> Hash)>();
        var runs = new Dictionary<ReplicaId, List<LogEntry>>();
        // Where the log was pruned, chains go on from the snapshot on which it stands.
        if (store.LogStart > default(LogPosition) && writer.Snapshots.Basis is { } basis)
            Leap(heads, writer.Snapshots.ReadManifest(basis));
        HashSet<ReplicaId> own = OwnIds.Of(store);
        own.UnionWith(writer.Fences.FormerIds);
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Identity) own.Remove(ReplicaId.FromBytes(entry.Payload.Span));
            if (entry.Kind == LogEntryKind.Snapshot) Leap(heads, SnapshotManifest.Decode(entry.Payload));
            if (entry.Kind is not (LogEntryKind.Batch or LogEntryKind.Head) || writer.Fences.Table.Of(entry.Author) is null) continue;
            ref List<LogEntry>? run = ref CollectionsMarshal.GetValueRefOrAddDefault(runs, entry.Author, out _);
            run ??= [];
            if (entry.Kind == LogEntryKind.Batch)
            {
                run.Add(entry);
                if (writer.Fences.IsVoid(entry)) AddKeys(entry, changed);
                continue;
            }
            ReadOnlyMemory<byte> before = heads.TryGetValue(entry.Author, out var last)
                ? last.Hash : AuthorTable.ChainStart(entry.Author);
            heads[entry.Author] = (entry.LastSequence, entry.Payload[..AuthorTable.HashLengthBytes]);
            if (run.Count > 0 && writer.Fences.IsVoid(entry) && !own.Contains(entry.Author))
            {
                var whole = new BatchRun(entry.Author, run[0].FirstSequence, [.. run.Select(b => b.Payload)],
                    entry.LastSequence, entry.Payload);
                if (!writer.Fences.HasAside(entry.Author, AsideCodec.IdOf(whole))) asides.Add(ReplicaWriter.AsideEntry(whole, before));
            }
            run.Clear();
        }
        return asides;
    }

    /// <summary>What follows a snapshot goes on from its heads.</summary>
    private static void Leap(Dictionary<ReplicaId, (long Sequence, ReadOnlyMemory<byte> Hash)> heads, SnapshotManifest manifest)
    {
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (heads.GetValueOrDefault(head.Author).Sequence < head.Sequence)
                heads[head.Author] = (head.Sequence, head.Head[..AuthorTable.HashLengthBytes]);
        }
    }

    private static void AddKeys(in LogEntry entry, HashSet<EntityKey> keys)
    {
        var batch = new BatchColumns();
        new BatchReader().Read(entry.Payload, entry.Author, entry.FirstSequence, batch);
        for (int i = 0; i < batch.Entities.Count; i++) keys.Add(batch.Entities[i]);
    }
}
