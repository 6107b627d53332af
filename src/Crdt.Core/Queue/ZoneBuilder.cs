using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Cuts a log into zones. Which zones come out depends on the log and on the place of the beginning alone.</summary>
internal sealed class ZoneBuilder(LogPosition from, int mutationsMax)
{
    /// <summary>What a search must read to find one mutation: about 0.1 ms. A larger batch is a zone of its own.</summary>
    public const int DefaultMutations = 512;

    private const int LengthBytesMax = 256 << 10;

    private readonly BatchReader reader = new();
    private readonly BatchColumns columns = new();
    private readonly Dictionary<ReplicaId, int> authorIndexes = [];
    private readonly List<ZoneSummary.AuthorRange> authors = [];
    private readonly FirstUseTable<(string Domain, string Type)> types = new();
    private readonly List<string?> users = [];
    private readonly Dictionary<(int Author, int User), int> writers = [];
    private readonly HashSet<ulong> names = [];
    private LogPosition begin = from;
    private int mutations, kinds, lengthBytes;
    private long firstMs, lastMs;

    /// <summary>Where the next entry is read.</summary>
    public LogPosition At { get; private set; } = from;

    /// <summary>What was read behind the last zone that was closed; <see langword="null"/> when no mutation was.</summary>
    public ZoneSummary? Open => mutations == 0 ? null : Summarise();

    /// <summary>The zones of a log that follow those its store has, up to a position, as the store keeps them.</summary>
    public static IEnumerable<LogZone> Following(IReplicaStore store, LogPosition upTo, int mutationsMax)
    {
        var builder = new ZoneBuilder(store.ZonedTo > store.LogStart ? store.ZonedTo : store.LogStart, mutationsMax);
        foreach (LoggedEntry logged in store.ReadLog(builder.At))
        {
            if (logged.Next > upTo) yield break;
            if (builder.Add(logged) is { } zone) yield return new LogZone(zone.From, zone.To, ZoneCodec.Encode(zone));
        }
    }

    /// <summary>Takes the next entry.</summary>
    /// <returns>The zone before it, where the entry begins a new one.</returns>
    public ZoneSummary? Add(in LoggedEntry logged)
    {
        LogEntry entry = logged.Entry;
        ZoneSummary? closed = null;
        if (entry.Kind == LogEntryKind.Batch)
        {
            long count = entry.LastSequence - entry.FirstSequence + 1;
            if (mutations > 0 && (mutations + count > mutationsMax || lengthBytes + entry.Payload.Length > LengthBytesMax))
            {
                closed = Summarise();
                Clear();
            }
            reader.Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
            AddBatch(entry);
        }
        At = logged.Next;
        return closed;
    }

    private void AddBatch(in LogEntry entry)
    {
        ref int index = ref CollectionsMarshal.GetValueRefOrAddDefault(authorIndexes, entry.Author, out bool isKnown);
        if (!isKnown)
        {
            index = authors.Count;
            authors.Add(new ZoneSummary.AuthorRange(entry.Author, entry.FirstSequence, entry.LastSequence));
        }
        else authors[index] = authors[index] with { Last = Math.Max(authors[index].Last, entry.LastSequence) };
        for (int e = 0; e < columns.Entities.Count; e++)
        {
            EntityKey key = columns.Entities[e];
            // Most stand beside one of the same type.
            if (e == 0 || key.Type != columns.Entities[e - 1].Type || key.Domain != columns.Entities[e - 1].Domain)
                types.TryAdd((key.Domain, key.Type));
            names.Add(ZoneSummary.NameOf(key));
        }
        Span<int> indexes = columns.Users.Count < 64 ? stackalloc int[columns.Users.Count + 1] : new int[columns.Users.Count + 1];
        indexes.Fill(-1);
        for (int m = 0; m < columns.MutationCount; m++)
        {
            ref readonly BatchColumns.MutationRow row = ref columns.Mutations[m];
            kinds |= 1 << (int)row.Kind;
            long ms = row.Timestamp.UnixMs;
            firstMs = mutations == 0 ? ms : Math.Min(firstMs, ms);
            lastMs = mutations == 0 ? ms : Math.Max(lastMs, ms);
            mutations++;
            ref int user = ref indexes[row.User + 1];
            if (user < 0) user = IndexOfUser(row.User < 0 ? null : columns.Users[row.User]);
            CollectionsMarshal.GetValueRefOrAddDefault(writers, (index, user), out _)++;
            if (row.Origin?.RequestId is { } request) names.Add(ZoneSummary.NameOf(request));
        }
        lengthBytes += entry.Payload.Length;
    }

    private int IndexOfUser(string? user)
    {
        int index = users.IndexOf(user);
        if (index >= 0) return index;
        users.Add(user);
        return users.Count - 1;
    }

    private ZoneSummary Summarise() => new(
        begin, At, mutations, firstMs, lastMs, kinds, [.. authors],
        [.. Enumerable.Range(0, types.Count).Select(i => types[i])], [.. users],
        [.. writers.OrderBy(w => w.Key).Select(w => new ZoneSummary.Writer(w.Key.Author, w.Key.User, w.Value))],
        ZoneSummary.ToFilter(names));

    private void Clear()
    {
        begin = At;
        (mutations, kinds, lengthBytes) = (0, 0, 0);
        authorIndexes.Clear();
        authors.Clear();
        types.Clear();
        users.Clear();
        writers.Clear();
        names.Clear();
    }
}
