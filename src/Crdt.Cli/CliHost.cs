using Crdt.Store;

namespace Crdt.Cli;

/// <summary>A replica that is open for one command. Disposing it always frees the files.</summary>
internal sealed class CliHost : IAsyncDisposable
{
    private const string InvitationName = "invite.crdt";
    private const string JournalName = "peers.json";

    private CliHost(FileReplicaStore store, Replica replica, ISyncJournal journal) =>
        (Store, Replica, Journal) = (store, replica, journal);

    public FileReplicaStore Store { get; }

    public Replica Replica { get; }

    /// <summary>How the attempts to reach peers went.</summary>
    public ISyncJournal Journal { get; }

    /// <summary>Where a replica keeps the invitation to its space.</summary>
    public static string InvitationPath(string data) => Path.Combine(data, InvitationName);

    /// <summary>Where it is recorded what has left a replica: beside its directory, so that a copy or a restored backup of
    /// that is noticed and goes on under a new id.</summary>
    public static string RecordPath(string data) =>
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(data)) + ".released";

    /// <summary>How the tool runs a replica.</summary>
    public static ReplicaOptions OptionsFor(string record, TimeProvider time) => new()
    {
        Time = time,
        NewReplicaId = static () => new ReplicaId(Guid.NewGuid()),
        ReleaseRecord = new FileReleaseRecord(record),
    };

    /// <summary>Opens the replica in a directory.</summary>
    /// <exception cref="StoreException">There is none, or it cannot be opened.</exception>
    public static async ValueTask<CliHost> OpenAsync(
        string data, StoreKey? key, TimeProvider time, CancellationToken cancellation, TimeSpan? upkeep = null)
    {
        CliHost host = await OpenAsync(FileReplicaStore.Open(data, key), data, null, time, cancellation, upkeep);
        if (host.Replica.Vector.Count > 0 || !File.Exists(InvitationPath(data))) return host;

        // Its creation was interrupted before the founding was applied: the invitation lies beside it for this case.
        await host.DisposeAsync();
        SpaceGenesis genesis = await ReadInvitationAsync(InvitationPath(data), cancellation);
        return await OpenAsync(FileReplicaStore.Open(data, key), data, genesis, time, cancellation, upkeep);
    }

    /// <summary>Creates a replica of the space in a directory, and opens it.</summary>
    public static async ValueTask<CliHost> CreateAsync(
        string data, StoreKey? key, SpaceGenesis genesis, ReplicaRole role, TimeProvider time, CancellationToken cancellation)
    {
        Directory.CreateDirectory(data);
        await File.WriteAllBytesAsync(InvitationPath(data), genesis.ToBytes(), cancellation);
        var identity = new ReplicaIdentity(genesis.Space, new ReplicaId(Guid.NewGuid()), role);
        return await OpenAsync(FileReplicaStore.Create(data, identity, key), data, genesis, time, cancellation);
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
        }
    }

    private static async ValueTask<CliHost> OpenAsync(
        FileReplicaStore store, string data, SpaceGenesis? genesis, TimeProvider time, CancellationToken cancellation,
        TimeSpan? upkeep = null)
    {
        try
        {
            var journal = new FileSyncJournal(Path.Combine(data, JournalName));
            ReplicaOptions options = OptionsFor(RecordPath(data), time) with
            {
                Genesis = genesis,
                PurgeInterval = upkeep,
                RetentionInterval = upkeep,
                Journal = journal,
            };
            return new CliHost(store, await Replica.OpenAsync(store, options, cancellation), journal);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }
}
