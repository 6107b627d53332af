namespace Crdt.Cli.Output;

/// <summary>Who was using the device when a value was written: looked up in the log, each mutation once.</summary>
internal sealed class Writers
{
    // A lookup reads a stretch of the log; beyond this many, one pass over all of it is less work.
    private const int LookupsMax = 32;

    private readonly Dictionary<Dot, string?> users = [];

    public Writers(Replica replica, IEnumerable<Sibling> siblings)
    {
        var wanted = siblings.Select(s => s.Dot).ToHashSet();
        if (wanted.Count <= LookupsMax)
        {
            foreach (Dot dot in wanted) users[dot] = replica.FindMutation(dot)?.Mutation.User;
            return;
        }
        foreach (QueuedMutation queued in replica.Mutations())
        {
            if (!wanted.Remove(queued.Mutation.Dot)) continue;
            users[queued.Mutation.Dot] = queued.Mutation.User;
            if (wanted.Count == 0) return;
        }
    }

    /// <summary>Null when nobody was named.</summary>
    public string? UserOf(Sibling sibling) => users.GetValueOrDefault(sibling.Dot);

    /// <summary>Replica and user, for people.</summary>
    public string Describe(Sibling sibling, ReplicaId self) =>
        UserOf(sibling) is { } user ? $"{user} on {Shown.Author(sibling.Dot.Replica, self)}"
            : Shown.Author(sibling.Dot.Replica, self);
}
