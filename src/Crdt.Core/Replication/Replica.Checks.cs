namespace Crdt;

public sealed partial class Replica
{
    /// <summary>Checks the log against itself: every author's hash chain from head to head, gaps, and in a keyed space the
    /// signatures. Reads the whole log; memory grows with the number of heads in it.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What does not agree, in the order of the log, as it is found; nothing when all is well.</returns>
    public IEnumerable<LogFault> CheckLog(CancellationToken cancellationToken = default) =>
        new LogCheck(store, Space, writer.Trust).Run(cancellationToken);

    /// <summary>The entities whose registers are not the same here and in another replica, in order: between replicas that
    /// have applied the same there are none. Looks at every entity of both.</summary>
    /// <param name="other">A replica of the same space, at rest as this one is.</param>
    public IEnumerable<EntityKey> FindDifferences(Replica other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Keys().Concat(other.Keys()).Distinct().Where(key => DigestOf(writer, key) != DigestOf(other.writer, key)).Order();
    }

    /// <summary>Whether an entity holds registers of data types that this replica was not told of, and so does not show.</summary>
    public bool HoldsUnknownTypes(EntityKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (writer.Cache.PeekCommitted(key) is not { } state) return false;
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            if (slot.Path.Kind >= (PathKind)DataType.KindMin && Options.DataTypeTable.Of(slot.Path) is null) return true;
        }
        return false;
    }

    /// <summary>Applies entries of a log once more, run by run, as if they came from a peer: those that lay behind a damage
    /// in this replica's own log. Everything is judged as what a peer sends is.</summary>
    /// <param name="entries">In the order of the log they come from; anything but batches and heads is passed over.</param>
    /// <param name="cancellationToken">Gives up; what was applied by then stays.</param>
    /// <returns>What became of them; to be repeated when what was missing has arrived.</returns>
    public async ValueTask<ReapplyResult> ReapplyAsync(
        IEnumerable<LogEntry> entries, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var open = new Dictionary<ReplicaId, List<LogEntry>>();
        int applied = 0, covered = 0, waiting = 0;
        foreach (LogEntry entry in entries)
        {
            if (entry.Kind == LogEntryKind.Batch)
            {
                if (!open.TryGetValue(entry.Author, out List<LogEntry>? run)) open[entry.Author] = run = [];
                if (run.Count > 0 && run[^1].LastSequence + 1 != entry.FirstSequence) run.Clear();
                run.Add(entry);
            }
            if (entry.Kind != LogEntryKind.Head || !open.Remove(entry.Author, out List<LogEntry>? batches)) continue;
            if (batches[^1].LastSequence != entry.LastSequence) continue;
            try
            {
                var run = new BatchRun(entry.Author, batches[0].FirstSequence, [.. batches.Select(b => b.Payload)],
                    entry.LastSequence, entry.Payload);
                if (await ApplyAsync(run, cancellationToken).ConfigureAwait(false)) applied++;
                else covered++;
            }
            catch (ApplyException)
            {
                waiting++;
            }
        }
        return new ReapplyResult(applied, covered, waiting, open.Values.Sum(run => run.Count));
    }

    private static UInt128 DigestOf(ReplicaWriter writer, EntityKey key) =>
        writer.Cache.PeekCommitted(key) is { } state ? StateDigest.Of(state, writer.Authors.Ids) : 0;
}
