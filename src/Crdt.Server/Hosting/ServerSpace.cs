using Crdt.Server.ThinClients;
using Crdt.Store;
using Crdt.Store.Postgres;
using Crdt.Transport;

namespace Crdt.Server.Hosting;

/// <summary>The replica that is served, open, with what lies beside it.</summary>
internal sealed class ServerSpace : IAsyncDisposable
{
    private const string InvitationName = "invite.crdt", JournalName = "peers.json";

    // Both cost a pass over what there is.
    private static readonly TimeSpan Upkeep = TimeSpan.FromMinutes(10);

    private readonly IReplicaStore store;
    private readonly string? keyFile;

    private ServerSpace(IReplicaStore store, Replica replica, ISyncJournal journal, EcdsaNodeKey? key, string data, string? keyFile, SpaceGenesis? genesis) =>
        (this.store, Replica, Journal, Key, Data, this.keyFile, Genesis, Steering) = (store, replica, journal, key, data, keyFile, genesis, new SteeringFile(data));

    public Replica Replica { get; }

    /// <summary>How the attempts to reach peers went.</summary>
    public ISyncJournal Journal { get; }

    /// <summary>What this node signs and connects with; <see langword="null"/> in an open space.</summary>
    public EcdsaNodeKey? Key { get; }

    /// <summary>The space's founding, where it lies beside the replica: who is let in gets it.</summary>
    public SpaceGenesis? Genesis { get; }

    /// <summary>The replica's directory.</summary>
    public string Data { get; }

    /// <summary>Thin clients' requests.</summary>
    public RequestBook Book { get; set; } = null!;

    /// <summary>What the last look through the log found; <see langword="null"/> until there was one.</summary>
    public TimedAudit? LastAudit { get; set; }

    /// <summary>What the sessions with peers moved.</summary>
    public SessionTotals Sessions { get; } = new();

    /// <summary>The node that replicates it, while there is one.</summary>
    public PeerNode? Node { get; set; }

    /// <summary>What people said of it on connections with single peers.</summary>
    public SteeringFile Steering { get; }

    /// <summary>What keeps it together with the other servers on its database; <see langword="null"/> where its replica is in
    /// files.</summary>
    public PostgresFeed? Feed { get; private set; }

    /// <summary>Why the replica takes no more work until this process is started again; <see langword="null"/> while all is
    /// well.</summary>
    public Exception? Fault => (store as PostgresReplicaStore)?.Fault;

    private PostgresHome? Home { get; init; }

    /// <summary>Opens the replica in a directory; where there is none, founds a space.</summary>
    /// <exception cref="StoreException">It cannot be opened.</exception>
    /// <exception cref="InvalidOperationException">The replica is a device's: a server peer has the server role.</exception>
    public static async Task<ServerSpace> OpenAsync(
        CrdtServerOptions options, TimeProvider time, IAdmission? admission, CancellationToken cancellation = default)
    {
        string data = Path.GetFullPath(options.Data);
        using StoreKey? key = ReadKey(options.KeyFile);
        SpaceGenesis? genesis = null;
        IReplicaStore store;
        PostgresHome? home = null;
        if (options.Postgres is { Length: > 0 } database)
        {
            home = await PostgresHome.OpenAsync(database, data, key, FoundAsync, cancellation);
            store = home.Store;
        }
        else if (PostgresHome.IsMarked(data))
            throw new InvalidOperationException($"The replica of '{data}' is in a PostgreSQL database: --postgres says in which.");
        else store = FileReplicaStore.Exists(data) ? FileReplicaStore.Open(data, key) : FileReplicaStore.Create(data, await FoundAsync(), key);
        if (genesis is null && File.Exists(Path.Combine(data, InvitationName)))
            genesis = SpaceGenesis.FromBytes(await File.ReadAllBytesAsync(Path.Combine(data, InvitationName), cancellation));
        EcdsaNodeKey? node = null;
        try
        {
            if (store.Identity.Role == ReplicaRole.Client)
            {
                throw new InvalidOperationException(
                    $"The replica in '{data}' has the client role. A server peer needs one in the server role: 'crdt pair --role server', then 'crdt join' there.");
            }
            node = File.Exists(NodeKeyFile.PathIn(data)) ? NodeKeyFile.Open(NodeKeyFile.PathIn(data), key) : null;
            var journal = new FileSyncJournal(Path.Combine(data, JournalName));
            Replica replica = await Replica.OpenAsync(store, new ReplicaOptions
            {
                Time = time,
                Key = node,
                Genesis = genesis,
                NewReplicaId = static () => new ReplicaId(Guid.NewGuid()),
                ReleaseRecord = new FileReleaseRecord(Path.TrimEndingDirectorySeparator(data) + ".released"),
                PurgeInterval = Upkeep,
                RetentionInterval = Upkeep,
                Journal = journal,
                Admission = admission,
                ClosesEachRun = home is not null,
            }, cancellation);
            replica.Blobs.Policy = options.Blobs.Over(replica.Blobs.Policy);
            return new ServerSpace(store, replica, journal, node, data, options.KeyFile, genesis)
            {
                Home = home,
                Feed = home is null ? null : PostgresFeed.Start(home.Store, replica),
            };
        }
        catch
        {
            await store.DisposeAsync();
            home?.Dispose();
            node?.Dispose();
            throw;
        }

        async Task<ReplicaIdentity> FoundAsync()
        {
            Directory.CreateDirectory(data);
            var id = new ReplicaId(Guid.NewGuid());
            genesis = Found(data, id, options.Space ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(data)), key, time);
            await File.WriteAllBytesAsync(Path.Combine(data, InvitationName), genesis.ToBytes(), cancellation);
            return new ReplicaIdentity(genesis.Space, id, ReplicaRole.Server);
        }
    }

    /// <summary>Opens the key of the space's authority, where this server has it.</summary>
    public EcdsaNodeKey OpenAuthority(string path)
    {
        using StoreKey? key = ReadKey(keyFile);
        return NodeKeyFile.Open(path, key);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Node is { } node) await node.DisposeAsync();
        if (Feed is { } feed) await feed.DisposeAsync();
        try
        {
            await Replica.DisposeAsync();
        }
        finally
        {
            await store.DisposeAsync();
            Home?.Dispose();
            Key?.Dispose();
        }
    }

    private static SpaceGenesis Found(string data, ReplicaId id, string name, StoreKey? key, TimeProvider time)
    {
        using EcdsaNodeKey node = Make(NodeKeyFile.PathIn(data)), authority = Make(NodeKeyFile.AuthorityPathIn(data));
        return SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), name, [], time, authority,
            [new Enrolment(id, node.PublicKey, ReplicaRole.Server)]);

        EcdsaNodeKey Make(string path) => File.Exists(path) ? NodeKeyFile.Open(path, key) : NodeKeyFile.Create(path, key);
    }

    private static StoreKey? ReadKey(string? file)
    {
        if (file is null)
            return Environment.GetEnvironmentVariable("CRDT_PASSPHRASE") is { Length: > 0 } phrase ? StoreKey.FromPassphrase(phrase) : null;
        byte[] bytes = File.ReadAllBytes(file);
        return StoreKey.FromBytes(bytes.Length == StoreKey.LengthBytes
            ? bytes
            : Convert.FromHexString(System.Text.Encoding.ASCII.GetString(bytes).Trim()));
    }
}
