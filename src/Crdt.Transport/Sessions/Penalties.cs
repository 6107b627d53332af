namespace Crdt.Transport.Sessions;

/// <summary>Who has broken rules, and for how long it is refused: twice as long each time, up to a limit.</summary>
/// <remarks>In memory alone, and of bounded size: a restart forgives, which is for the operator to decide. What is
/// written down about an attacker would be the attacker's to fill.</remarks>
internal sealed class Penalties(TimeProvider time, TimeSpan shortest, TimeSpan longest)
{
    /// <summary>Those that are remembered; beyond that the one whose time is over first is forgotten.</summary>
    public const int EntriesMax = 1_024;

    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> entries = [];

    /// <summary>One who has broken rules.</summary>
    /// <param name="Name">For people.</param>
    /// <param name="Violations">How often, without a long good while in between.</param>
    /// <param name="Error">What it did last.</param>
    /// <param name="Until">When its time is over.</param>
    public readonly record struct Entry(string Name, int Violations, WireError Error, DateTimeOffset Until);

    /// <summary>All whose time is not over, in order of names.</summary>
    public IReadOnlyList<Entry> Standing
    {
        get
        {
            lock (gate)
                return [.. entries.Values.Where(e => e.Until > time.GetUtcNow()).OrderBy(e => e.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>Takes note of a violation.</summary>
    /// <param name="who">Whose.</param>
    /// <param name="name">The same for people.</param>
    /// <param name="error">Which.</param>
    /// <param name="free">How many of them cost nothing.</param>
    /// <param name="most">At most so long; never longer than the limit.</param>
    /// <returns>What follows from it; its time may be over already.</returns>
    public Entry Note(string who, string name, WireError error, int free, TimeSpan most)
    {
        lock (gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            int before = entries.TryGetValue(who, out Entry known) && now - known.Until < longest ? known.Violations : 0;
            TimeSpan limit = most < longest ? most : longest;
            // 2^30 times the shortest is beyond any limit.
            TimeSpan length = before < free ? TimeSpan.Zero : shortest * Math.Pow(2, Math.Min(before - free, 30));
            var entry = new Entry(name, before + 1, error, now + (length < limit ? length : limit));
            if (entries.Count >= EntriesMax && !entries.ContainsKey(who))
                entries.Remove(entries.MinBy(e => e.Value.Until).Key);
            return entries[who] = entry;
        }
    }

    /// <summary>What somebody is refused for now; <see langword="null"/> when it is not.</summary>
    public Entry? Find(string who)
    {
        lock (gate)
            return entries.TryGetValue(who, out Entry entry) && entry.Until > time.GetUtcNow() ? entry : null;
    }

    /// <summary>Forgets what somebody has done.</summary>
    public void Forgive(string who)
    {
        lock (gate)
            entries.Remove(who);
    }

    /// <summary>Forgets what can be no reason any more.</summary>
    public void Forgive(WireError error)
    {
        lock (gate)
        {
            foreach (string who in entries.Where(e => e.Value.Error == error).Select(e => e.Key).ToArray())
                entries.Remove(who);
        }
    }
}
