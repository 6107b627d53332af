namespace Crdt;

/// <summary>The zones of a log, in memory from the first search on: about two bytes for each mutation. Safe for concurrent
/// use.</summary>
/// <remarks>What the store's projection has is taken over; what lies behind that is read from the log, once.</remarks>
internal sealed class MutationIndex(IReplicaStore store, int mutationsPerZone)
{
    private readonly Lock gate = new();
    private ZoneSummary[] zones = [];
    private ZoneBuilder? builder;
    private int count;

    /// <summary>The zones up to a position, in order; those of which nothing is left in the log are left out.</summary>
    public ArraySegment<ZoneSummary> UpTo(LogPosition end)
    {
        lock (gate)
        {
            builder ??= Load();
            foreach (LoggedEntry logged in end > builder.At ? store.ReadLog(builder.At) : [])
            {
                if (logged.Next > end) break;
                if (builder.Add(logged) is { } zone) Add(zone);
            }
            DropBelow(store.LogStart);
            // Behind the zones that stay, the open one stands where the next will: who reads it sees a copy.
            if (builder.Open is not { } open) return new ArraySegment<ZoneSummary>(zones, 0, count);
            return new ArraySegment<ZoneSummary>([.. zones.AsSpan(0, count), open]);
        }
    }

    private ZoneBuilder Load()
    {
        LogPosition at = store.LogStart;
        if (store.IsProjecting)
        {
            var interned = new Dictionary<string, string>();
            foreach (LogZone stored in store.ReadZones(at))
            {
                if (ZoneCodec.Decode(stored, Intern) is not { } zone) break;
                Add(zone);
                at = zone.To;
            }

            string Intern(string text) => interned.TryGetValue(text, out string? known) ? known : interned[text] = text;
        }
        return new ZoneBuilder(at, mutationsPerZone);
    }

    private void Add(ZoneSummary zone)
    {
        if (count == zones.Length) Array.Resize(ref zones, Math.Max(64, 2 * count));
        zones[count++] = zone;
    }

    private void DropBelow(LogPosition start)
    {
        int dropped = Array.FindIndex(zones, 0, count, z => z.To > start);
        if (dropped < 0) dropped = count;
        if (dropped == 0) return;
        // A new array: searches go on in the old one.
        zones = zones[dropped..count];
        count = zones.Length;
    }
}
