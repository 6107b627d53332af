namespace Crdt;

/// <content>The queue: every mutation, and where it stands.</content>
public sealed partial class Replica
{
    private const int PageItemsMax = 10_000;

    private readonly MutationIndex index;

    /// <summary>The mutations that the log still holds (<see cref="PrunedTo"/> tells what it does not), with their status. An
    /// index tells which stretches of the log to pass over.</summary>
    /// <param name="filter">Which, and in which order; all, in the order in which they were applied here, when
    /// <see langword="null"/>.</param>
    public IEnumerable<QueuedMutation> Mutations(MutationFilter? filter = null) =>
        Search(filter ?? new MutationFilter(), null).Select(found => found.Queued);

    /// <summary>Some of the mutations that a filter lets through, to be gone on with where the page ends.</summary>
    /// <param name="filter">Which, and in which order; the same for all pages.</param>
    /// <param name="limit">How many at most, from 1 to 10,000.</param>
    /// <param name="after">The page before's <see cref="MutationPage.Next"/>; <see langword="null"/> for the first page.</param>
    public MutationPage Page(MutationFilter filter, int limit, MutationCursor? after = null)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, PageItemsMax);
        var items = new List<QueuedMutation>();
        MutationCursor last = default;
        foreach ((QueuedMutation queued, MutationCursor at) in Search(filter, after))
        {
            if (items.Count == limit) return new MutationPage(items, last);
            items.Add(queued);
            last = at;
        }
        return new MutationPage(items, null);
    }

    /// <summary>One mutation, with its status; <see langword="null"/> when the log does not hold it, or not any more.</summary>
    public QueuedMutation? FindMutation(Dot dot)
    {
        if (dot.Sequence < 1 || !Vector.Covers(dot)) return null;
        LogPosition start = store.FindStart(dot.Replica, dot.Sequence);
        Mutation? found = MutationLog.Find(store, writer.Fences, start, writer.PublishedEnd, dot);
        return found is null ? null : Describe(found, new OpenConflicts(this));
    }

    /// <summary>One mutation by its UUID, with its status; <see langword="null"/> when the log does not hold it, or not any
    /// more.</summary>
    public QueuedMutation? FindMutation(Guid id) => MutationId.Find(id, Vector.Select(d => d.Replica)) is { } dot
        ? FindMutation(dot)
        : null;

    private IEnumerable<(QueuedMutation Queued, MutationCursor At)> Search(MutationFilter filter, MutationCursor? after)
    {
        // What the log held at the first step: what is written while somebody pages is not among it.
        ArraySegment<ZoneSummary> zones = index.UpTo(writer.PublishedEnd);
        Dot? only = filter.Id is { } id ? MutationId.Find(id, Vector.Select(d => d.Replica)) : null;
        var search = new MutationSearch(filter, only, Judge(filter.Status));
        var conflicts = new OpenConflicts(this);
        foreach ((Mutation mutation, MutationCursor at) in search.Run(store, writer.Fences, zones, after))
        {
            QueuedMutation queued = Describe(mutation, conflicts);
            if (filter.Status is null || queued.Status == filter.Status) yield return (queued, at);
        }
    }

    /// <summary>Tells where mutations of a status may be: what is pending stands behind what is synced, and of the others
    /// it is known which they are.</summary>
    private Func<ZoneSummary.AuthorRange, bool>? Judge(MutationStatus? status)
    {
        switch (status)
        {
            case MutationStatus.Pending:
                return range => range.Last > writer.Acknowledgements.SyncedTo(range.Author);
            case MutationStatus.Synced:
                return range => range.First <= writer.Acknowledgements.SyncedTo(range.Author);
            case MutationStatus.Failed:
                return new SequenceRanges(writer.Refusals.Refused()).Meet;
            case MutationStatus.Conflict:
                return SequenceRanges.Of(OpenConflicts.DotsOf(Conflicts())).Meet;
            default:
                return null;
        }
    }

    private QueuedMutation Describe(Mutation mutation, OpenConflicts conflicts)
    {
        DateTimeOffset? syncedAt = writer.Acknowledgements.SyncedAt(mutation.Dot);
        MutationStatus status = writer.Refusals.IsRefused(mutation.Dot) ? MutationStatus.Failed
            : syncedAt is null ? MutationStatus.Pending
            : conflicts.Contains(mutation) ? MutationStatus.Conflict : MutationStatus.Synced;
        return new QueuedMutation(mutation, status, syncedAt, writer.Acknowledgements.HeldBy(mutation.Dot));
    }

    private long PendingOf(ReplicaId author, long applied) =>
        Math.Max(0, applied - writer.Acknowledgements.SyncedTo(author));
}
