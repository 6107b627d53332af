using Crdt.Store;
using Crdt.Store.Postgres;

namespace Crdt.Server.Hosting;

/// <summary>A server's replica in a PostgreSQL database: in the directory stay the node's key, and which replica it is.</summary>
internal sealed class PostgresHome : IDisposable
{
    private const string MarkName = "postgres", LogName = "log", MovedName = "log.moved";

    private readonly FileStream held;

    private PostgresHome(FileStream held, PostgresReplicaStore store) => (this.held, Store) = (held, store);

    public PostgresReplicaStore Store { get; }

    /// <summary>Whether a directory's replica is in a database.</summary>
    public static bool IsMarked(string data) => File.Exists(Path.Combine(data, MarkName));

    /// <summary>Opens the replica of a directory. One that is in files until now is moved into the database.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="data">The directory.</param>
    /// <param name="key">What files are encrypted under.</param>
    /// <param name="found">Says who the replica is, where there is none.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<PostgresHome> OpenAsync(
        string connection, string data, StoreKey? key, Func<Task<ReplicaIdentity>> found, CancellationToken cancellation)
    {
        Directory.CreateDirectory(data);
        // Until this process ends, in whatever way: who gets it knows that the one before is gone, and waits for no lease.
        var held = new FileStream(Path.Combine(data, MarkName + ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        FileBlobStore? blobs = null;
        try
        {
            // Beside the node's key, each process its own: content that one lacks it gets from the others.
            blobs = FileBlobStore.Open(data, key);
            var options = new PostgresStoreOptions { Holder = HolderIn(held), Blobs = blobs };
            PostgresReplicaStore store;
            if (IsMarked(data))
            {
                (SpaceId space, ReplicaId replica) = Read(data);
                store = await PostgresReplicaStore.OpenAsync(connection, space, replica, options, cancellation);
            }
            else if (FileReplicaStore.Exists(data))
            {
                store = await MoveAsync(connection, data, key, options, cancellation);
                await WriteAsync(data, store.Identity, cancellation);
            }
            else
            {
                store = await PostgresReplicaStore.CreateAsync(connection, await found(), options, cancellation);
                await WriteAsync(data, store.Identity, cancellation);
            }
            SetAside(data);
            return new PostgresHome(held, store);
        }
        catch
        {
            if (blobs is not null) await blobs.DisposeAsync();
            await held.DisposeAsync();
            throw;
        }
    }

    public void Dispose() => held.Dispose();

    private static Guid HolderIn(FileStream held)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (held.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length) return new Guid(bytes);
        var holder = Guid.NewGuid();
        held.Position = 0;
        held.Write(holder.ToByteArray());
        held.Flush(flushToDisk: true);
        return holder;
    }

    private static async Task<PostgresReplicaStore> MoveAsync(
        string connection, string data, StoreKey? key, PostgresStoreOptions options, CancellationToken cancellation)
    {
        await using FileReplicaStore files = FileReplicaStore.Open(data, key);
        return await PostgresReplicaStore.ImportAsync(connection, files, options, cancellation);
    }

    // Never to be opened again beside what is in the database: that would be a fork.
    private static void SetAside(string data)
    {
        string log = Path.Combine(data, LogName);
        if (Directory.Exists(log)) Directory.Move(log, Path.Combine(data, MovedName));
    }

    private static async Task WriteAsync(string data, ReplicaIdentity identity, CancellationToken cancellation)
    {
        string path = Path.Combine(data, MarkName);
        await File.WriteAllTextAsync(path + ".new", $"{identity.Space}\n{identity.Replica}\n", cancellation);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static (SpaceId Space, ReplicaId Replica) Read(string data)
    {
        string path = Path.Combine(data, MarkName);
        string[] lines = File.ReadAllLines(path);
        return lines.Length >= 2 && SpaceId.TryParse(lines[0], out SpaceId space) && ReplicaId.TryParse(lines[1], out ReplicaId replica)
            ? (space, replica)
            : throw new InvalidOperationException($"'{path}' does not tell which replica of the database is meant: a space and a replica, a line each.");
    }
}
