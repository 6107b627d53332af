namespace Crdt.Testing.Simulation;

/// <summary>Who takes part, before anything happens.</summary>
/// <param name="IdSeed">The ids are drawn from this.</param>
/// <param name="Devices">The replicas, in order.</param>
/// <param name="Links">Who can reach whom when nothing is wrong; holds them all together.</param>
/// <param name="Bug">A defect to be found.</param>
/// <param name="IsKeyed">Whether the space was founded with a key: all are enrolled, and all heads are signed.</param>
/// <param name="HasForks">Whether ids may come to be used twice: then what holds is looked at once the fences have spread.</param>
internal sealed record SimulationSetup(
    ulong IdSeed, IReadOnlyList<DeviceSetup> Devices, IReadOnlyList<LinkSetup> Links, PlantedBug Bug,
    bool IsKeyed = false, bool HasForks = false)
{
    /// <summary>Beyond so many mutations nobody attaches anything, unless told to.</summary>
    public const long AttachmentsMax = 50_000;

    /// <summary>Whether people attach content to entities.</summary>
    public bool HasAttachments { get; init; }

    /// <summary>Beyond so many mutations a run is drawn for its length: everything happens often in it, and what grows with
    /// the state is kept in proportion.</summary>
    public const long HugeRun = 200_000;

    /// <summary>Draws it.</summary>
    public static SimulationSetup Draw(SimulationOptions options)
    {
        var random = new SimulationRandom(options.Seed);
        int servers = options.Servers ?? random.Next(Math.Min(4, options.Replicas + 1));
        // Without a projection a restart reads the whole log: of a long one, too often.
        bool isLong = options.Operations > 20_000;
        bool isHuge = options.Operations > HugeRun;
        if (isHuge && options.Servers is null) servers = Math.Max(1, servers);
        var devices = new List<DeviceSetup>();
        for (int i = 0; i < options.Replicas; i++)
        {
            bool isProjecting = isLong || random.Next(2) == 0;
            devices.Add(new DeviceSetup(
                i < servers ? ReplicaRole.Server : ReplicaRole.Client, isProjecting,
                isHuge && !random.OneIn(5) ? 100_000
                    : isLong ? (int)random.Magnitude(4_000, 32_000) : (int)random.Magnitude(100, 2_000),
                isHuge ? (int)random.Magnitude(2_048, 8_192)
                    : isLong ? (int)random.Magnitude(512, 4_096) : (int)random.Magnitude(1, 64),
                // Somebody must have it from the beginning.
                i == 0 || !random.OneIn(4),
                i < servers && options.Faults.HasFlag(Fault.Refusal) && (random.Next(2) == 0 || (isHuge && i == 0))
                    ? RefusesOneIn(random, isLong, isHuge) : 0)
            {
                HasZones = !isHuge,
            });
        }
        Topology topology = options.Topology ?? (Topology)random.Next(5);
        var setup = new SimulationSetup(random.NextBits(), devices, DrawLinks(random, options.Replicas, topology), options.Bug,
            IsKeyed: random.OneIn(3), HasForks: servers > 0 && servers < options.Replicas && DrawsForks(options, isHuge));
        var apart = new SimulationRandom(options.Seed ^ 0xB10B5);
        bool hasAttachments = apart.OneIn(3) && options.Operations <= AttachmentsMax;
        return options.Attachments ?? hasAttachments ? setup with { HasAttachments = true, Devices = [.. devices.Select(d => DrawPolicy(d, apart))] } : setup;
    }

    /// <summary>Most take everything.</summary>
    private static DeviceSetup DrawPolicy(DeviceSetup device, SimulationRandom random)
    {
        device = device with
        {
            Fetch = random.OneIn(6) ? random.Pick(Enum.GetValues<BlobFetch>()) : BlobFetch.Always,
            FetchVideos = random.OneIn(4) ? random.Pick(Enum.GetValues<BlobFetch>()) : BlobFetch.Always,
        };
        return random.OneIn(8) ? device with { BlobQuotaBytes = random.Magnitude(1_000, 500_000) } : device;
    }

    private static int RefusesOneIn(SimulationRandom random, bool isLong, bool isHuge) => (int)(isHuge
        ? random.Magnitude(500, 20_000) : isLong ? random.Magnitude(50, 2_000) : random.Magnitude(4, 200));

    /// <summary>Of runs with all faults every third, and each huge one; drawn apart, so that no other run changes by it.</summary>
    private static bool DrawsForks(SimulationOptions options, bool isHuge) => (options.Faults & Fault.Forks) != 0
        && (isHuge || !options.Faults.HasFlag(Fault.Pruning) || new SimulationRandom(options.Seed ^ 0xF08C5).OneIn(3));

    /// <summary>Draws who can reach whom.</summary>
    public static IReadOnlyList<LinkSetup> DrawLinks(SimulationRandom random, int replicas, Topology topology)
    {
        const int FullMeshMax = 6;
        var links = new SortedSet<(int, int)>();
        switch (topology)
        {
            case Topology.Mesh when replicas <= FullMeshMax:
                for (int a = 0; a < replicas; a++)
                {
                    for (int b = a + 1; b < replicas; b++) links.Add((a, b));
                }
                break;
            case Topology.Mesh:
                for (int a = 0; a < replicas; a++)
                {
                    Add((a + 1) % replicas, a);
                    Add(random.Next(replicas), a);
                }
                break;
            case Topology.Star:
                for (int a = 1; a < replicas; a++) links.Add((0, a));
                break;
            case Topology.Chain:
                for (int a = 1; a < replicas; a++) links.Add((a - 1, a));
                break;
            default:
                for (int a = 1; a < replicas; a++) links.Add((random.Next(a), a));
                for (int more = random.Next(replicas); more > 0; more--) Add(random.Next(replicas), random.Next(replicas));
                break;
        }
        return [.. links.Select(l => new LinkSetup(l.Item1, l.Item2))];

        void Add(int a, int b)
        {
            if (a != b) links.Add((Math.Min(a, b), Math.Max(a, b)));
        }
    }
}
