namespace Crdt.Store.Postgres;

/// <summary>How replicas on one database are kept together.</summary>
public sealed record PostgresFeedOptions
{
    /// <summary>The defaults.</summary>
    public static PostgresFeedOptions Default { get; } = new();

    /// <summary>How often the database is asked, also where it cannot wake anybody (LISTEN): the longest that news take.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long after the first news more of them are waited for: they go together, and are told of once.</summary>
    public TimeSpan Gathering { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>When what was refused is tried again; later each time, up to 64 times that.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(10);
}
