namespace Crdt.Testing.Simulation;

/// <summary>One replica with all that belongs to it: store, clock, process, connections, and what its owner was told.</summary>
internal sealed class SimulatedDevice(int index, SimulatedStore store, SimulatedClock clock)
{
    /// <summary>Its number, from 0.</summary>
    public int Index { get; } = index;

    public ReplicaIdentity Identity => Store.Identity;

    /// <summary>Its files; a backup or a copy may take their place.</summary>
    public SimulatedStore Store { get; set; } = store;

    /// <summary>The last copy that was made of them.</summary>
    public SimulatedStore? Backup { get; set; }

    public SimulatedClock Clock { get; } = clock;

    /// <summary>The process; <see langword="null"/> while it is down.</summary>
    public Replica? Replica { get; set; }

    /// <summary>What a crash keeps of the appends that nobody waited for.</summary>
    public int KeptNotes { get; set; }

    /// <summary>How long the next crash takes.</summary>
    public long NextDownUs { get; set; }

    /// <summary>When the process begins again, in virtual microseconds.</summary>
    public long DownUs { get; set; }

    /// <summary>What it knew of others' statements when it was last looked at.</summary>
    public long StatementsVersion { get; set; }

    public List<SimulatedConnection> Connections { get; } = [];

    /// <summary>How far each author was applied, as acknowledged: by number of the author.</summary>
    public long[] Applied { get; set; } = [];

    /// <summary>What somebody looked at, by entity.</summary>
    public Dictionary<EntityKey, Entity> Seen { get; } = [];

    /// <summary>What the replica has begun beside its callers, and has not been done.</summary>
    public Queue<Func<Task>> Beside { get; } = [];

    /// <summary>A name for people.</summary>
    public string Name => $"{(Identity.Role == ReplicaRole.Client ? 'D' : 'S')}{Index}";
}
