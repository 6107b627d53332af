using System.Buffers;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Testing;

/// <summary>Replicas of one space in memory, with a clock each, that meet when a test says so.</summary>
public sealed class Team : IAsyncDisposable
{
    /// <summary>What every clock shows at first.</summary>
    public static readonly DateTimeOffset Start = new(2026, 5, 1, 8, 0, 0, TimeSpan.Zero);

    private readonly List<Replica> replicas = [];
    private readonly List<IReplicaStore> stores = [];
    private readonly List<FakeTimeProvider> clocks = [];
    private readonly List<IReadOnlyList<DataType>> known = [];
    private readonly List<ReplicaId> keyOwners = [];
    private int idsTaken;

    // A meeting begins anew once for each fence that one of the two meets, and once for each new id.
    private const int RestartsMax = 50;

    private readonly TeamOptions options;

    private Team(SpaceGenesis genesis, TeamOptions options) => (Genesis, this.options) = (genesis, options);

    /// <summary>How the space was founded.</summary>
    public SpaceGenesis Genesis { get; }

    /// <summary>The replicas, devices first.</summary>
    public IReadOnlyList<Replica> Replicas => replicas;

    /// <summary>The store of each replica.</summary>
    public IReadOnlyList<IReplicaStore> Stores => stores;

    /// <summary>Whether its space is keyed: all replicas are enrolled by the founding, each with
    /// <see cref="DeterministicSignatures.KeyOf(ReplicaId)"/>.</summary>
    public bool IsKeyed => Genesis.IsKeyed;

    /// <summary>Who judges at which server, from its next opening on.</summary>
    public IDictionary<int, IAdmission> Admissions { get; } = new Dictionary<int, IAdmission>();

    /// <summary>The wall clock of each replica.</summary>
    public IReadOnlyList<FakeTimeProvider> Clocks => clocks;

    /// <summary>One replica.</summary>
    public Replica this[int index] => replicas[index];

    /// <summary>The id under which every team is founded.</summary>
    public static ReplicaId AuthorityId => IdOf(200);

    /// <summary>The key with which a keyed team is founded.</summary>
    public static NodeKey AuthorityKey => DeterministicSignatures.KeyOf(AuthorityId);

    /// <summary>An id that is the same in every run.</summary>
    public static ReplicaId IdOf(int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Fill((byte)(number * 37 + 11));
        bytes[15] = (byte)number;
        return ReplicaId.FromRandom(bytes);
    }

    /// <summary>Devices first, then servers.</summary>
    public static Task<Team> CreateAsync(
        int devices, int servers = 0, params (string Scope, ConflictPolicy Policy)[] policies) =>
        CreateAsync(new TeamOptions { Devices = devices, Servers = servers, Policies = policies });

    /// <summary>Devices first, then servers.</summary>
    public static Task<Team> CreateAsync(
        int devices, int servers, bool isProjecting, (string Scope, ConflictPolicy Policy)[] policies, bool isKeyed = false,
        params (string Scope, ExistencePolicy Policy)[] existence) =>
        CreateAsync(new TeamOptions
        {
            Devices = devices,
            Servers = servers,
            IsProjecting = isProjecting,
            Policies = policies,
            IsKeyed = isKeyed,
            Existence = existence,
        });

    /// <summary>Devices first, then servers.</summary>
    public static async Task<Team> CreateAsync(TeamOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        int count = options.Devices + options.Servers;
        ReplicaRole RoleOf(int index) => index < options.Devices ? ReplicaRole.Client : ReplicaRole.Server;
        IEnumerable<Enrolment> members = Enumerable.Range(0, options.IsKeyed ? count : 0).Select(i => new Enrolment(
            IdOf(i + 1), DeterministicSignatures.KeyOf(IdOf(i + 1)).PublicKey, RoleOf(i)));
        SpaceGenesis genesis = SpaceGenesis.Create(AuthorityId, "test",
            options.Policies.Select(p => KeyValuePair.Create(PolicyScope.Parse(p.Scope), p.Policy)),
            new FakeTimeProvider(Start), options.IsKeyed ? AuthorityKey : null, members,
            options.Existence.Select(p => KeyValuePair.Create(PolicyScope.Parse(p.Scope), p.Policy)));
        var team = new Team(genesis, options);
        for (int i = 0; i < count; i++) await team.AddAsync(RoleOf(i));
        return team;
    }

    /// <summary>Adds a replica that holds nothing but the founding.</summary>
    /// <param name="role">The role in which it writes.</param>
    /// <param name="dataTypes">What it is opened with; those of the team when <see langword="null"/>.</param>
    public async Task<Replica> AddAsync(
        ReplicaRole role = ReplicaRole.Client, IReadOnlyList<DataType>? dataTypes = null)
    {
        var clock = new FakeTimeProvider(Start) { AutoAdvanceAmount = TimeSpan.Zero };
        var identity = new ReplicaIdentity(Genesis.Space, IdOf(replicas.Count + 1), role);
        var inMemory = new MemoryReplicaStore(identity) { Blobs = options.BlobsOf(replicas.Count) };
        IReplicaStore store = options.IsProjecting ? new ProjectingStore(inMemory, new GatedStore(inMemory)) : inMemory;
        clocks.Add(clock);
        stores.Add(store);
        known.Add(dataTypes ?? options.DataTypes);
        keyOwners.Add(identity.Replica);
        replicas.Add(await OpenAsync(replicas.Count));
        return replicas[^1];
    }

    /// <summary>Forgets everything in memory and opens the store again, as after a crash.</summary>
    public async Task ReopenAsync(int index) => replicas[index] = await OpenAsync(index);

    /// <summary>Hands over what one replica has and another lacks, one way, without any session.</summary>
    public async Task DeliverAsync(int from, int to)
    {
        foreach (BatchRun run in await World.RunsOfAsync(replicas[from]))
        {
            if (replicas[to].Vector[run.Author] < run.LastSequence) await replicas[to].ApplyAsync(run, default);
        }
    }

    /// <summary>A session from first message to both in sync.</summary>
    public async Task MeetAsync(int a, int b) => await MeetAsync(replicas[a], replicas[b]);

    /// <summary>A session from first message to both in sync.</summary>
    /// <returns>The bytes that went each way.</returns>
    public static async Task<(long AToB, long BToA)> MeetAsync(Replica a, Replica b, int messagesMax = int.MaxValue)
    {
        (long aToB, long bToA) = (0, 0);
        int messages = 0;
        for (int tries = 0; ; tries++)
        {
            // Teams are small: else heads would never be told by parts.
            using var left = new SyncSession(a, new SyncSessionOptions { WholeHeadsMax = 1 });
            using var right = new SyncSession(b, new SyncSessionOptions { WholeHeadsMax = a.Id < b.Id ? 1 : HeadSums.WholeMax });
            try
            {
                for (bool isMoving = true; isMoving;)
                {
                    isMoving = false;
                    for (int bytes; messages < messagesMax && (bytes = await PassAsync(left, right)) > 0; messages++)
                        (isMoving, aToB) = (true, aToB + bytes);
                    for (int bytes; messages < messagesMax && (bytes = await PassAsync(right, left)) > 0; messages++)
                        (isMoving, bToA) = (true, bToA + bytes);
                }
                if (messages < messagesMax) Check.True(
                        left.IsInSync && right.IsInSync, $"{a.Id} and {b.Id} are in sync: {left.Progress}, {right.Progress}");
                return (aToB, bToA);
            }
            catch (SyncException e) when (e.Error is SyncError.Rebuilt or SyncError.SameReplica && a != b && tries < RestartsMax)
            {
                // A fence was met, or a copy of itself: the next session goes on from the state that was begun anew.
            }
        }
    }

    /// <summary>Everybody meets everybody until nothing is new to anybody.</summary>
    public async Task MeetAllAsync()
    {
        for (int round = 0; round < 2; round++)
        {
            for (int i = 1; i < replicas.Count; i++) await MeetAsync(i - 1, i);
            for (int i = replicas.Count - 1; i > 0; i--) await MeetAsync(i, i - 1);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Replica replica in replicas) await replica.DisposeAsync();
    }

    /// <summary>One message from one side to the other.</summary>
    /// <returns>Its length; 0 when there was none.</returns>
    public static async Task<int> PassAsync(SyncSession from, SyncSession to)
    {
        var buffer = new ArrayBufferWriter<byte>();
        if (!await from.WriteNextAsync(buffer, default)) return 0;
        await to.ReceiveAsync(new ReadOnlySequence<byte>(buffer.WrittenMemory), default);
        return buffer.WrittenCount;
    }

    /// <summary>A copy of a replica's files as they are now, such as a backup or a clone of the device.</summary>
    public async Task<IReplicaStore> CopyAsync(int index)
    {
        LogEntry[] log = [.. stores[index].ReadLog(default).Select(l => l.Entry)];
        // The store began under its first identity, and takes the others on its way.
        LogEntry? taken = log.Where(e => e.Kind == LogEntryKind.Identity).Select(e => (LogEntry?)e).FirstOrDefault();
        ReplicaIdentity identity = taken is { } first
            ? stores[index].Identity with { Replica = ReplicaId.FromBytes(first.Payload.Span) }
            : stores[index].Identity;
        var copy = new MemoryReplicaStore(identity);
        // Entries name positions in the log: what was dropped from it keeps its place.
        LogPosition start = stores[index].LogStart;
        var dropped = new LogEntry(LogEntryKind.Note, identity.Replica, 0, 0, default);
        for (long at = 0; at < start.Value; at++) await copy.AppendAsync(new[] { dropped }, isDurable: true, default);
        if (log.Length > 0) await copy.AppendAsync(log, isDurable: true, default);
        await copy.PruneAsync(start, default);
        return options.IsProjecting ? new ProjectingStore(copy, new GatedStore(copy)) : copy;
    }

    /// <summary>Opens a copy as one more device, beside the one it was taken from.</summary>
    public async Task<Replica> AddCopyAsync(IReplicaStore copy)
    {
        var clock = new FakeTimeProvider(Start) { AutoAdvanceAmount = TimeSpan.Zero };
        int original = stores.FindIndex(s => s.Identity == copy.Identity);
        clocks.Add(clock);
        stores.Add(copy);
        keyOwners.Add(original < 0 ? copy.Identity.Replica : keyOwners[original]);
        known.Add(options.DataTypes);
        replicas.Add(await OpenAsync(replicas.Count));
        return replicas[^1];
    }

    /// <summary>Puts a backup in the place of a replica's files.</summary>
    public async Task RestoreAsync(int index, IReplicaStore backup)
    {
        stores[index] = backup;
        await ReopenAsync(index);
    }

    private ReplicaId NextId()
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Fill(0x5a);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes, ++idsTaken);
        return ReplicaId.FromRandom(bytes);
    }

    private async Task<Replica> OpenAsync(int index)
    {
        var opening = new ReplicaOptions
        {
            Time = clocks[index],
            Genesis = Genesis,
            Signatures = DeterministicSignatures.Instance,
            DataTypes = known[index],
            NewReplicaId = NextId,
            // Small enough for a schedule of a few steps to fill several.
            MutationsPerZone = 3,
        };
        if (IsKeyed) opening = opening with { Key = DeterministicSignatures.KeyOf(keyOwners[index]) };
        if (Admissions.TryGetValue(index, out IAdmission? admission)) opening = opening with { Admission = admission };
        if (options.IsProjecting) opening = opening with { ProjectedEntitiesPerUpdate = 1, CachedEntitiesMax = 100 };
        return await Replica.OpenAsync(stores[index], opening);
    }
}
