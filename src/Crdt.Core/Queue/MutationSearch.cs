namespace Crdt;

/// <summary>A filter made ready: which zones may hold what it asks for, and which mutations it lets through, all but for what
/// only their status can tell.</summary>
internal sealed class MutationSearch
{
    private readonly MutationFilter filter;
    private readonly Dot? only;
    private readonly bool isImpossible;
    private readonly ulong keyName, requestName;
    private readonly long fromMs = long.MinValue, untilMs = long.MaxValue;
    private readonly Func<ZoneSummary.AuthorRange, bool>? mayHaveStatus;

    /// <param name="filter">What is asked for.</param>
    /// <param name="only">The one mutation that the filter's UUID names, if it names one at all.</param>
    /// <param name="mayHaveStatus">Whether mutations of the wanted status may be among these.</param>
    public MutationSearch(MutationFilter filter, Dot? only, Func<ZoneSummary.AuthorRange, bool>? mayHaveStatus)
    {
        (this.filter, this.only, this.mayHaveStatus) = (filter, only, mayHaveStatus);
        isImpossible = filter.Id is not null && only is null;
        if (filter.Key is { } key) keyName = ZoneSummary.NameOf(key);
        if (filter.RequestId is { } request) requestName = ZoneSummary.NameOf(request);
        // Times are to the millisecond: one that begins within the bound is behind it.
        if (filter.From is { } from) fromMs = Ceiling(from);
        if (filter.To is { } to) untilMs = Ceiling(to);
    }

    /// <summary>The mutations of a log that pass, and where each stands.</summary>
    public IEnumerable<(Mutation Mutation, MutationCursor At)> Run(
        IReplicaStore store, FenceKeeper fences, ArraySegment<ZoneSummary> zones, MutationCursor? after)
    {
        bool isBackward = filter.Order == MutationOrder.NewestFirst;
        var reader = new BatchReader();
        var columns = new BatchColumns();
        for (int i = 0; i < zones.Count; i++)
        {
            ZoneSummary zone = zones[isBackward ? zones.Count - 1 - i : i];
            if (after is { } last && (isBackward ? zone.From >= last.Entry : zone.To < last.Entry)) continue;
            if (!MayMatch(zone)) continue;
            foreach (LoggedEntry logged in Read(store, zone, isBackward))
            {
                LogEntry entry = logged.Entry;
                // What lies before the place was seen: it need not be decoded to know that.
                if (after is { } place && (isBackward ? logged.Next > place.Entry : logged.Next < place.Entry)) continue;
                if (fences.IsVoid(entry) || !IsOfAuthor(new(entry.Author, entry.FirstSequence, entry.LastSequence))) continue;
                reader.Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
                for (int n = 0; n < columns.MutationCount; n++)
                {
                    int m = isBackward ? columns.MutationCount - 1 - n : n;
                    var at = new MutationCursor(logged.Next, m);
                    if (after is { } seen && (isBackward ? at >= seen : at <= seen)) continue;
                    if (Passes(columns, m, entry.FirstSequence))
                        yield return (columns.ToMutation(m, entry.Author, entry.FirstSequence), at);
                }
            }
        }
    }

    /// <summary>Whether a zone may hold what is asked for.</summary>
    public bool MayMatch(ZoneSummary zone)
    {
        if (isImpossible || zone.FirstMs >= untilMs || zone.LastMs < fromMs) return false;
        if (filter.Kind is { } kind && (zone.Kinds & (1 << (int)kind)) == 0) return false;
        if (filter.Key is not null && !zone.MayHold(keyName)) return false;
        if (filter.RequestId is not null && !zone.MayHold(requestName)) return false;
        if ((filter.Domain is not null || filter.Type is not null) && !zone.Types.Any(IsOfType)) return false;
        if (filter.User is not null && !zone.Users.Contains(filter.User)) return false;
        return zone.Authors.Any(IsOfAuthor);
    }

    private static IEnumerable<LoggedEntry> Read(IReplicaStore store, ZoneSummary zone, bool isBackward)
    {
        IEnumerable<LoggedEntry> batches = store.ReadLog(zone.From)
            .TakeWhile(e => e.Next <= zone.To).Where(e => e.Entry.Kind == LogEntryKind.Batch);
        return isBackward ? batches.Reverse() : batches;
    }

    private static long Ceiling(DateTimeOffset time)
    {
        long ms = time.ToUnixTimeMilliseconds();
        return DateTimeOffset.FromUnixTimeMilliseconds(ms) < time ? ms + 1 : ms;
    }

    private bool IsOfType((string Domain, string Type) type) =>
        (filter.Domain ?? type.Domain) == type.Domain && (filter.Type ?? type.Type) == type.Type;

    private bool IsOfAuthor(ZoneSummary.AuthorRange range) =>
        (filter.Author ?? range.Author) == range.Author
        && (only is not { } dot || (dot.Replica == range.Author && range.First <= dot.Sequence && dot.Sequence <= range.Last))
        && (mayHaveStatus is null || mayHaveStatus(range));

    private bool Passes(BatchColumns columns, int mutation, long firstSequence)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        if (only is { } dot && firstSequence + mutation != dot.Sequence) return false;
        if (filter.Kind is { } kind && row.Kind != kind) return false;
        if (filter.User is { } user && (row.User < 0 || columns.Users[row.User] != user)) return false;
        if (filter.RequestId is { } request && row.Origin?.RequestId != request) return false;
        long ms = row.Timestamp.UnixMs;
        if (ms < fromMs || ms >= untilMs) return false;
        EntityKey key = columns.Entities[row.Entity];
        return (filter.Key ?? key) == key && IsOfType((key.Domain, key.Type));
    }
}
