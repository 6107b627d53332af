namespace Crdt;

/// <content>The past, followed from the log.</content>
public sealed partial class Replica
{
    /// <summary>Who wrote what of an entity when, and what that replaced, in the order in which this replica learned of it.
    /// Reads the parts of the log that the queue's index does not rule out; writers do not wait for it.</summary>
    /// <param name="key">The entity, deleted or not.</param>
    /// <param name="field">Only this field, with what lies in it; all when <see langword="null"/>.</param>
    public IEnumerable<HistoryEntry> History(EntityKey key, FieldPath? field = null)
    {
        ArgumentNullException.ThrowIfNull(key);
        foreach (HistoryEntry entry in new EntityReplay(store, writer, index, key).Run())
        {
            if (field is null)
            {
                yield return entry;
                continue;
            }
            HistoryChange[] changes = [.. entry.Changes.Where(c => c.Path.Equals(field) || c.Path.IsBelow(field))];
            if (changes.Length > 0) yield return entry with { Changes = changes };
        }
    }

    /// <summary>The entity as everything that was written up to a time makes it, whenever that arrived here; read by the
    /// policies that are in force now. <see langword="null"/> when nothing of it was written by then.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="time">The time, by the writers' hybrid clocks.</param>
    /// <exception cref="HistoryException">A snapshot stands for mutations before and behind that time, which cannot be told
    /// apart any more.</exception>
    public Entity? GetAsOf(EntityKey key, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(key);
        // Of that millisecond the last.
        var until = new HybridTimestamp(
            HybridTimestamp.FromUnixMs(Math.Clamp(time.ToUnixTimeMilliseconds(), 0, HybridTimestamp.MillisecondsMax)).Bits | ushort.MaxValue);
        Snapshot? joined = null;
        // Behind what its maker wrote later everything in a snapshot is past.
        HybridTimestamp? behind = null;
        var replay = new EntityReplay(store, writer, index, key)
        {
            Includes = (_, timestamp) => timestamp <= until,
            Joining = snapshot => (joined, behind) = (snapshot, null),
            Needs = zone => joined is not null && behind is null && zone.Authors.Any(a => a.Author == joined.Maker),
            Passing = (dot, timestamp) =>
            {
                if (joined is not null && behind is null && dot.Replica == joined.Maker) behind = timestamp;
            },
        };
        Entity? found = ToEntity(replay);
        if (joined is not null && until < (behind ?? writer.Clock.Last))
        {
            throw new HistoryException($"A snapshot by {joined.Maker} stands for what was written of {key} before and behind "
                + $"{time:O}. What is known exactly begins {(behind is { } from ? $"at {from.Time:O}" : "now")}.");
        }
        return found;
    }

    /// <summary>The entity as it is for whoever has applied what a vector includes, read by the policies that are in force
    /// now.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="version">Such as <see cref="Vector"/> was, or <see cref="Snapshot.Vector"/>.</param>
    /// <exception cref="HistoryException">A snapshot stands for more than that.</exception>
    public Entity? GetAsOf(EntityKey key, VersionVector version)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(version);
        return ToEntity(new EntityReplay(store, writer, index, key)
        {
            Includes = (dot, _) => version.Covers(dot),
            Joining = snapshot =>
            {
                if (!version.Covers(snapshot.Vector))
                    throw new HistoryException($"A snapshot by {snapshot.Maker} stands for more of {key} than {version} includes.");
            },
        });
    }

    /// <summary>The entity as it was on this replica right behind a mutation of it, read by the policies that are in force
    /// now.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="mutation">A mutation of the entity.</param>
    /// <exception cref="HistoryException">The log does not hold that mutation of the entity, or not any more.</exception>
    public Entity? GetAsOf(EntityKey key, Dot mutation)
    {
        ArgumentNullException.ThrowIfNull(key);
        var replay = new EntityReplay(store, writer, index, key);
        foreach (HistoryEntry entry in replay.Run())
        {
            if (entry.Mutation?.Dot == mutation) return ToEntity(replay.State);
        }
        throw new HistoryException($"The log holds no mutation {mutation} of {key}{(PrunedTo.Covers(mutation) ? " any more" : "")}.");
    }

    private Entity? ToEntity(EntityReplay replay)
    {
        foreach (HistoryEntry _ in replay.Run())
        {
            // Followed to its end.
        }
        return ToEntity(replay.State);
    }

    private Entity? ToEntity(EntityState state) => state.Slots.IsEmpty ? null : writer.ToEntity(state, writer.Cache.Moment);
}
