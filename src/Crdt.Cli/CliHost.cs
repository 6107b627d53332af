using Crdt.Store;

namespace Crdt.Cli;

/// <summary>A replica that is open for one command. Disposing it always frees the files.</summary>
internal sealed class CliHost : IAsyncDisposable
{
    private const string InvitationName = "invite.crdt";
    private const string JournalName = "peers.json";

    private CliHost(FileReplicaStore store, Replica replica, ISyncJournal journal, EcdsaNodeKey? key) =>
        (Store, Replica, Journal, Key) = (store, replica, journal, key);

    public FileReplicaStore Store { get; }

    public Replica Replica { get; }

    /// <summary>How the attempts to reach peers went.</summary>
    public ISyncJournal Journal { get; }

    /// <summary>What this device signs and connects with; null in an open space.</summary>
    public EcdsaNodeKey? Key { get; }

    /// <summary>Where a replica keeps the invitation to its space.</summary>
    public static string InvitationPath(string data) => Path.Combine(data, InvitationName);

    /// <summary>Where it is recorded what has left a replica: beside its directory, so that a copy or a restored backup of
    /// that is noticed and goes on under a new id.</summary>
    public static string RecordPath(string data) =>
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(data)) + ".released";

    /// <summary>The key of a replica's device; null where there is none, as in an open space.</summary>
    public static EcdsaNodeKey? OpenKey(string data, StoreKey? key) =>
        File.Exists(NodeKeyFile.PathIn(data)) ? NodeKeyFile.Open(NodeKeyFile.PathIn(data), key) : null;

    /// <summary>How the tool runs a replica.</summary>
    public static ReplicaOptions OptionsFor(string record, TimeProvider time, NodeKey? key = null) => new()
    {
        Time = time,
        Key = key,
        NewReplicaId = static () => new ReplicaId(Guid.NewGuid()),
        ReleaseRecord = new FileReleaseRecord(record),
    };

    /// <summary>Opens the replica in a directory.</summary>
    /// <exception cref="StoreException">There is none, or it cannot be opened.</exception>
    public static async ValueTask<CliHost> OpenAsync(
        string data, StoreKey? key, TimeProvider time, CancellationToken cancellation, TimeSpan? upkeep = null)
    {
        CliHost host = await OpenAsync(FileReplicaStore.Open(data, key), data, key, null, time, cancellation, upkeep);
        if (host.Replica.Vector.Count > 0 || !File.Exists(InvitationPath(data))) return host;

        // Its creation was interrupted before the founding was applied: the invitation lies beside it for this case.
        await host.DisposeAsync();
        SpaceGenesis genesis = await ReadInvitationAsync(InvitationPath(data), cancellation);
        return await OpenAsync(FileReplicaStore.Open(data, key), data, key, genesis, time, cancellation, upkeep);
    }

    /// <summary>Creates a replica of the space in a directory, and opens it.</summary>
    /// <param name="data">The directory.</param>
    /// <param name="key">Encrypts it.</param>
    /// <param name="genesis">The space's founding.</param>
    /// <param name="replica">Its id.</param>
    /// <param name="role">Its role; in a keyed space the one that it is enrolled in.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async ValueTask<CliHost> CreateAsync(
        string data, StoreKey? key, SpaceGenesis genesis, ReplicaId replica, ReplicaRole role, TimeProvider time,
        CancellationToken cancellation)
    {
        Directory.CreateDirectory(data);
        await File.WriteAllBytesAsync(InvitationPath(data), genesis.ToBytes(), cancellation);
        var identity = new ReplicaIdentity(genesis.Space, replica, role);
        return await OpenAsync(FileReplicaStore.Create(data, identity, key), data, key, genesis, time, cancellation);
    }

    /// <summary>Reads an invitation to a space.</summary>
    public static async ValueTask<SpaceGenesis> ReadInvitationAsync(string path, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            throw CliException.Usage($"There is no invitation '{path}'.",
                "'crdt init' of the first replica wrote it: copy it here, or name it with --join.");
        }
        if (new FileInfo(path).Length > 2 * FormatLimits.BatchLengthBytesMax)
            throw CliException.Usage($"'{path}' is too large to be an invitation.");
        try
        {
            return SpaceGenesis.FromBytes(await File.ReadAllBytesAsync(path, cancellation));
        }
        catch (BatchFormatException e)
        {
            throw CliException.Usage($"'{path}' is not an invitation to a space: {e.Message}", inner: e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Replica.DisposeAsync();
        }
        finally
        {
            await Store.DisposeAsync();
            Key?.Dispose();
        }
    }

    private static async ValueTask<CliHost> OpenAsync(
        FileReplicaStore store, string data, StoreKey? key, SpaceGenesis? genesis, TimeProvider time,
        CancellationToken cancellation, TimeSpan? upkeep = null)
    {
        EcdsaNodeKey? node = null;
        try
        {
            node = OpenKey(data, key);
            var journal = new FileSyncJournal(Path.Combine(data, JournalName));
            ReplicaOptions options = OptionsFor(RecordPath(data), time, node) with
            {
                Genesis = genesis,
                PurgeInterval = upkeep,
                RetentionInterval = upkeep,
                Journal = journal,
            };
            return new CliHost(store, await Replica.OpenAsync(store, options, cancellation), journal, node);
        }
        catch
        {
            await store.DisposeAsync();
            node?.Dispose();
            throw;
        }
    }
}
