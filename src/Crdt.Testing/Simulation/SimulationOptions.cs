namespace Crdt.Testing.Simulation;

/// <summary>What is simulated. Equal options give equal runs, to the byte.</summary>
public sealed record SimulationOptions
{
    /// <summary>The most replicas that a simulation can have.</summary>
    public const int ReplicasMax = 64;

    /// <summary>Everything that is drawn, is drawn from this.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Number of replicas, servers included; 2 to <see cref="ReplicasMax"/>.</summary>
    public int Replicas { get; init; } = 5;

    /// <summary>How many of them are in the server role; by the seed when <see langword="null"/>: none to three.</summary>
    public int? Servers { get; init; }

    /// <summary>Mutations after which writing ends; at least 1.</summary>
    public long Operations { get; init; } = 1_000;

    /// <summary>What may go wrong.</summary>
    public Fault Faults { get; init; } = Fault.All;

    /// <summary>Who can reach whom; by the seed when <see langword="null"/>.</summary>
    public Topology? Topology { get; init; }

    /// <summary>Whether people attach content to entities, which travels behind the mutations; by the seed when
    /// <see langword="null"/>: in every third run of up to 50,000 operations.</summary>
    public bool? Attachments { get; init; }

    /// <summary>A defect to be found.</summary>
    public PlantedBug Bug { get; init; }

    /// <summary>Every how many changes of an entity at a replica it is compared with the model; 1 for each. By the
    /// number of operations when <see langword="null"/>: 1 up to 10,000, then fewer. At quiescence everything is
    /// compared whatever this is.</summary>
    public int? CheckEvery { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Replicas, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Replicas, ReplicasMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(Operations, 1);
        if (Servers is { } servers)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(servers);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(servers, Replicas);
        }
        if (CheckEvery is { } every) ArgumentOutOfRangeException.ThrowIfLessThan(every, 1);
    }
}
