using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Replays a log without the engine, from the last snapshot in it that stands for all that was dropped: a register's
/// siblings are what was written there and not named since.</summary>
/// <remarks>Nothing is dropped meanwhile: its caller sees to that.</remarks>
internal sealed class ReplicaAudit
{
    private readonly record struct Written(Dot Dot, ReplicaRole Role);

    private readonly Dictionary<(EntityKey Key, FieldPath Path), List<Written>> live = [];
    private readonly Dictionary<ReplicaId, long> included = [];
    private long mutations, written, replaced;

    /// <param name="store">The log.</param>
    /// <param name="snapshots">The snapshots in it.</param>
    /// <param name="fences">What they have cut off is not there.</param>
    /// <param name="end">Where the log ended at the moment of the view.</param>
    /// <param name="view">The state at that moment.</param>
    public static AuditReport Run(IReplicaStore store, SnapshotKeeper snapshots, FenceKeeper fences, LogPosition end, ReplicaView view)
    {
        var audit = new ReplicaAudit();
        LogPosition from = store.LogStart;
        // What was dropped is known by the basis alone: without it, what stands behind would replace what is not there yet.
        Snapshot? basis = from > default(LogPosition) ? snapshots.Basis : null;
        if (snapshots.Held.LastOrDefault(s => s.ManifestFrom < end && (basis is null || s.Vector.Covers(basis.Vector))) is { } last)
        {
            audit.Join(snapshots, last);
            from = store.FindStart(last.Vector);
        }
        var reader = new BatchReader();
        var columns = new BatchColumns();
        foreach (LoggedEntry logged in store.ReadLog(from))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Snapshot && snapshots.Held.FirstOrDefault(s => s.Number == entry.LastSequence) is { } joined)
                audit.Join(snapshots, joined);
            if (entry.Kind != LogEntryKind.Batch || fences.IsVoid(entry) || audit.Includes(new Dot(entry.Author, entry.LastSequence))) continue;
            reader.Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
            for (int m = 0; m < columns.MutationCount; m++)
                audit.Apply(columns.ToMutation(m, entry.Author, entry.FirstSequence));
            audit.included[entry.Author] = entry.LastSequence;
        }
        return audit.Compare(view);
    }

    private bool Includes(Dot dot) => dot.Sequence <= included.GetValueOrDefault(dot.Replica);

    private void Apply(Mutation mutation)
    {
        mutations++;
        foreach (Change change in mutation.Changes)
        {
            // What a mark names stays held; only what it adds again is new.
            if (change.Marks is MarkKind.Lost or MarkKind.Refused or MarkKind.Carried) continue;
            ref List<Written>? dots = ref CollectionsMarshal.GetValueRefOrAddDefault(
                live, (mutation.Key, change.Path), out _);
            dots ??= [];
            bool replacesOwn = change.Path.Rule == ReplaceRule.Own;
            bool sparesOthers = mutation.Role == ReplicaRole.Client && mutation.Key.IsSpaceData;
            // Fences are final: nothing replaces one.
            if (!FenceEntity.IsKey(mutation.Key)) replaced += dots.RemoveAll(w =>
                ((replacesOwn && w.Dot.Replica == mutation.Dot.Replica) || change.Observed.Contains(w.Dot))
                && !(sparesOthers && w.Role != ReplicaRole.Client));
            if (change.Value is null && change.Marks is null) continue;
            dots.Add(new Written(mutation.Dot, mutation.Role));
            written++;
        }
    }

    /// <summary>A snapshot stands for the mutations that it includes: what they wrote and it does not hold was replaced.</summary>
    private void Join(SnapshotKeeper snapshots, Snapshot snapshot)
    {
        if (snapshot.Vector.All(Includes)) return;
        SnapshotManifest manifest = snapshots.ReadManifest(snapshot);
        var replicas = new ReplicaTable();
        var reader = new SnapshotReader(manifest.Heads, [.. manifest.Heads.Select(h => replicas.GetOrAdd(h.Author))], replicas);
        var states = new List<EntityState>();
        var theirs = new HashSet<(EntityKey, FieldPath, Dot)>();
        foreach (ReadOnlyMemory<byte> chunk in snapshots.ReadChunks(manifest, snapshot.ChunksFrom))
        {
            reader.Read(chunk, states);
            foreach (EntityState state in states) Add(state);
            states.Clear();
        }
        if (reader.Finish() is { } last) Add(last);
        foreach (((EntityKey key, FieldPath path), List<Written> dots) in live)
            replaced += dots.RemoveAll(w => snapshot.Vector.Covers(w.Dot) && !theirs.Contains((key, path, w.Dot)));
        foreach (Dot dot in snapshot.Vector) included[dot.Replica] = Math.Max(dot.Sequence, included.GetValueOrDefault(dot.Replica));

        void Add(EntityState state)
        {
            foreach (ref readonly SiblingSlot slot in state.Slots)
            {
                Dot dot = replicas.Resolve(slot.Dot);
                theirs.Add((state.Key, slot.Path, dot));
                if (Includes(dot)) continue;
                ref List<Written>? dots = ref CollectionsMarshal.GetValueRefOrAddDefault(live, (state.Key, slot.Path), out _);
                (dots ??= []).Add(new Written(dot, slot.Dot.Role));
                written++;
            }
        }
    }

    private AuditReport Compare(ReplicaView view)
    {
        var unaccounted = new List<UnaccountedSibling>();
        long held = 0;
        foreach (IGrouping<EntityKey, KeyValuePair<(EntityKey Key, FieldPath Path), List<Written>>> entity in live.GroupBy(l => l.Key.Key))
            held += Compare(entity.Key, entity, view.GetWithDeleted(entity.Key), unaccounted);
        return new AuditReport(mutations, written, replaced, held, unaccounted);
    }

    private static long Compare(
        EntityKey key, IEnumerable<KeyValuePair<(EntityKey Key, FieldPath Path), List<Written>>> registers, Entity? entity,
        List<UnaccountedSibling> unaccounted)
    {
        var held = new HashSet<(FieldPath, Dot)>(entity?.AllSiblings() ?? []);
        long expected = 0;
        foreach (((EntityKey _, FieldPath path), List<Written> dots) in registers)
        {
            foreach ((Dot dot, ReplicaRole _) in dots)
            {
                if (held.Remove((path, dot))) expected++;
                else unaccounted.Add(new UnaccountedSibling(key, path, dot, IsHeld: false));
            }
        }
        foreach ((FieldPath path, Dot dot) in held) unaccounted.Add(new UnaccountedSibling(key, path, dot, IsHeld: true));
        return expected;
    }
}
