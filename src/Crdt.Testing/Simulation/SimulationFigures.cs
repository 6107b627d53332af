namespace Crdt.Testing.Simulation;

/// <summary>What a run has done so far.</summary>
public sealed record SimulationFigures
{
    /// <summary>Steps taken: commits, connections, faults.</summary>
    public long Steps { get; internal set; }

    /// <summary>Events that followed from them.</summary>
    public long Events { get; internal set; }

    /// <summary>Mutations written, by whomever.</summary>
    public long Mutations { get; internal set; }

    /// <summary>Transactions committed.</summary>
    public long Commits { get; internal set; }

    /// <summary>Transactions that did not fit the entities, and left no trace.</summary>
    public long Rejected { get; internal set; }

    /// <summary>Mutations applied by others than their authors, all replicas together.</summary>
    public long Applied { get; internal set; }

    /// <summary>Sessions begun.</summary>
    public long Sessions { get; internal set; }

    /// <summary>Messages sent.</summary>
    public long Messages { get; internal set; }

    /// <summary>Bytes sent.</summary>
    public long Bytes { get; internal set; }

    /// <summary>Connections that ended before their time.</summary>
    public long Cuts { get; internal set; }

    /// <summary>Partitions and links that carried nothing for some time.</summary>
    public long Outages { get; internal set; }

    /// <summary>Of those, partitions.</summary>
    public long Partitions { get; internal set; }

    /// <summary>Sessions begun beside another of the same two.</summary>
    public long Duplicates { get; internal set; }

    /// <summary>Sessions over a link so slow that it takes seconds for what others take in milliseconds.</summary>
    public long SlowSessions { get; internal set; }

    /// <summary>Processes that died, whatever they were doing.</summary>
    public long Crashes { get; internal set; }

    /// <summary>Of those, how many died in a write to their store.</summary>
    public long TornWrites { get; internal set; }

    /// <summary>Writes that found no room.</summary>
    public long FailedWrites { get; internal set; }

    /// <summary>Disks that were full for some time.</summary>
    public long FullDisks { get; internal set; }

    /// <summary>Clocks that were set.</summary>
    public long ClockJumps { get; internal set; }

    /// <summary>Clocks that went on at another speed.</summary>
    public long ClockDrifts { get; internal set; }

    /// <summary>Transactions that a server refused; twice where two did.</summary>
    public long Refusals { get; internal set; }

    /// <summary>Decisions about refused work: sent again, given to somebody else, or given up.</summary>
    public long Handled { get; internal set; }

    /// <summary>Entities of which everything that a reader is shown was compared with the reference.</summary>
    public long Reads { get; internal set; }

    /// <summary>Snapshots made.</summary>
    public long Snapshots { get; internal set; }

    /// <summary>Logs whose beginning was dropped.</summary>
    public long Prunings { get; internal set; }

    /// <summary>Snapshots that somebody joined who lacked some of it.</summary>
    public long Joins { get; internal set; }

    /// <summary>Deleted entities that a server dropped for good.</summary>
    public long Purged { get; internal set; }

    /// <summary>Runs handed over outside any session.</summary>
    public long StaleRuns { get; internal set; }

    /// <summary>Devices whose files were replaced by an older copy of them.</summary>
    public long Restored { get; internal set; }

    /// <summary>Devices whose files were replaced by a copy of another's.</summary>
    public long Cloned { get; internal set; }

    /// <summary>Devices whose log a server ended.</summary>
    public long Retired { get; internal set; }

    /// <summary>Fields that were set to an attachment.</summary>
    public long Attached { get; internal set; }

    /// <summary>Bytes sent about attachments, and of them.</summary>
    public long BlobBytes { get; internal set; }

    /// <summary>Attachments that somebody made room of.</summary>
    public long Evicted { get; internal set; }

    /// <summary>Attachments that were dropped because nothing names them any more.</summary>
    public long Collected { get; internal set; }

    /// <summary>Commits of which it was measured how much of attachments went ahead of them.</summary>
    public long Overtaken { get; internal set; }

    /// <summary>Whole attachments that were compared, byte by byte.</summary>
    public long ContentChecks { get; internal set; }

    /// <summary>Comparisons of an entity with the model.</summary>
    public long Checks { get; internal set; }

    /// <summary>Times when everything healed, all synchronised, and everything was compared.</summary>
    public long Quiescences { get; internal set; }

    /// <summary>Sessions that it took after healing, the most of all times.</summary>
    public long SessionsToHeal { get; internal set; }

    /// <summary>Virtual seconds that have passed.</summary>
    public double VirtualSeconds { get; internal set; }
}
