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
        var places = new List<MutationCursor>();
        foreach ((QueuedMutation queued, MutationCursor at) in Search(filter, after))
        {
            if (items.Count == limit) return new MutationPage(items, places[^1]) { Places = places };
            items.Add(queued);
            places.Add(at);
        }
        return new MutationPage(items, null) { Places = places };
    }

    /// <summary>One mutation, with its status; <see langword="null"/> when the log does not hold it, or not any more.</summary>
    public QueuedMutation? FindMutation(Dot dot)
    {
        if (dot.Sequence < 1 || !Vector.Covers(dot)) return null;
        // A zone is some hundred mutations; a segment of the log may be a hundred thousand.
        foreach (ZoneSummary zone in index.UpTo(writer.PublishedEnd))
        {
            if (!zone.Authors.Any(a => a.Author == dot.Replica && a.First <= dot.Sequence && dot.Sequence <= a.Last)) continue;
            if (MutationLog.Find(store, writer.Fences, zone.From, zone.To, dot) is { } found) return Describe(found, new OpenConflicts(this));
        }
        return null;
    }

    /// <summary>One mutation by its UUID, with its status; <see langword="null"/> when the log does not hold it, or not any
    /// more.</summary>
    public QueuedMutation? FindMutation(Guid id) => MutationId.Find(id, Vector.Select(d => d.Replica)) is { } dot
        ? FindMutation(dot)
        : null;

    /// <summary>What each device has written, and how far it has come; in order of their ids.</summary>
    /// <param name="user">Only what this person wrote, on whichever devices, as far as the log still holds it; everything that
    /// was ever applied when <see langword="null"/>.</param>
    public IReadOnlyList<DeviceQueue> Queues(string? user = null)
    {
        HashSet<Dot> contested = OpenConflicts.DotsOf(Conflicts());
        if (user is null) return QueuesOfAll(contested);
        var tally = new DeviceTally(writer, store, new OpenConflicts(this));
        tally.Add(user, index.UpTo(writer.PublishedEnd), SequenceRanges.Of(contested));
        return [.. tally.Counts.OrderBy(c => c.Key).Select(c => ToQueue(
            c.Key, c.Value.Pending, c.Value.Synced, c.Value.Conflict, c.Value.Failed, c.Value.OldestPending))];
    }

    /// <summary>Why a mutation stands where it stands; one that is not held here, too.</summary>
    /// <param name="dot">The mutation.</param>
    /// <param name="audit">An audit made before, so that what it found unaccounted for is told.</param>
    public Explanation Why(Dot dot, AuditReport? audit = null) => new Explainer(this, audit).Of(dot);

    /// <summary>Why a mutation stands where it stands; <see langword="null"/> when nobody known here made one of that UUID.</summary>
    /// <param name="mutation">The mutation's UUID.</param>
    /// <param name="audit">An audit made before, so that what it found unaccounted for is told.</param>
    public Explanation? Why(Guid mutation, AuditReport? audit = null) =>
        MutationId.Find(mutation, KnownAuthors()) is { } dot ? Why(dot, audit) : null;

    /// <summary>What of an entity is not synced, and why.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="audit">An audit made before, so that what it found unaccounted for is told.</param>
    public Explanation Why(EntityKey key, AuditReport? audit = null)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new Explainer(this, audit).Of(key);
    }

    /// <summary>What of a device is not synced, and why.</summary>
    /// <param name="device">The device's replica id.</param>
    /// <param name="audit">An audit made before, so that what it found unaccounted for is told.</param>
    public Explanation Why(ReplicaId device, AuditReport? audit = null) => new Explainer(this, audit).Of(device);

    private IEnumerable<ReplicaId> KnownAuthors() => Vector.Select(d => d.Replica)
        .Concat(Fences.Select(f => f.Replica)).Concat(FormerIds).Append(Id).Distinct();

    private List<DeviceQueue> QueuesOfAll(HashSet<Dot> contested)
    {
        ILookup<ReplicaId, Dot> conflicts = contested.ToLookup(d => d.Replica);
        Dictionary<ReplicaId, (long First, long Last)[]> refused = writer.Refusals.Refused();
        var queues = new List<DeviceQueue>();
        foreach ((ReplicaId author, long applied) in Vector)
        {
            long syncedTo = Math.Min(applied, writer.Acknowledgements.SyncedTo(author));
            (long First, long Last)[] gone = refused.GetValueOrDefault(author) ?? [];
            long failed = gone.Sum(r => r.Last - r.First + 1);
            long failedPending = gone.Sum(r => Math.Max(0, r.Last - Math.Max(r.First, syncedTo + 1) + 1));
            long conflict = conflicts[author].Count(d => d.Sequence <= syncedTo && !writer.Refusals.IsRefused(d));
            long pending = applied - syncedTo - failedPending;
            long oldest = syncedTo + 1;
            while (pending > 0 && writer.Refusals.IsRefused(new Dot(author, oldest))) oldest++;
            DateTimeOffset? made = pending > 0 ? FindMutation(new Dot(author, oldest))?.Mutation.CreatedAt : null;
            queues.Add(ToQueue(author, pending, syncedTo - (failed - failedPending) - conflict, conflict, failed, made));
        }
        return queues;
    }

    private DeviceQueue ToQueue(
        ReplicaId device, long pending, long synced, long conflict, long failed, DateTimeOffset? oldestPending)
    {
        Acknowledgement? statement = writer.Acknowledgements.Find(device), standing = writer.Standing.Find(device);
        if (standing is not null && !(statement?.Time >= standing.Time)) statement = standing;
        ReplicaRole? role = device == Id ? Role
            : writer.Trust.Find(device)?.Role ?? statement?.Role;
        return new DeviceQueue(
            device, role, pending + synced + conflict + failed, pending, synced, conflict, failed, oldestPending, statement);
    }

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
        var queued = new QueuedMutation(mutation, status, syncedAt, writer.Acknowledgements.HeldBy(mutation.Dot));
        return status == MutationStatus.Pending && Options.Journal is { } journal ? WithAttempts(queued, journal.Peers) : queued;
    }

    private static QueuedMutation WithAttempts(QueuedMutation queued, IReadOnlyList<PeerAttempts> peers)
    {
        DateTimeOffset made = queued.Mutation.CreatedAt;
        PeerAttempts[] failing = [.. peers.Where(p => p.AttemptsSince(made) > 0)];
        return failing.Length == 0 ? queued : queued with
        {
            Attempts = failing.Sum(p => p.AttemptsSince(made)),
            LastError = failing.Select(p => p.LastError).MaxBy(e => e?.At),
            NextAttempt = failing.Min(p => p.NextAttempt),
        };
    }

    private long PendingOf(ReplicaId author, long applied) =>
        Math.Max(0, applied - writer.Acknowledgements.SyncedTo(author));
}
