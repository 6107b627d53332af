using System.Globalization;
using Crdt.Store.Postgres;

namespace Crdt.KillWriter;

/// <summary>One of several processes that write into one space on one PostgreSQL, each as a replica of its own, until they are
/// killed.</summary>
public static class SharedLedger
{
    private static SpaceGenesis Genesis { get; } = SpaceGenesis.Create(
        new ReplicaId(Guid.Parse("4b1d0000-0000-4000-8000-0000000000fe")), "shared ledger", [], new Ledger.FixedTime());

    /// <summary>The space.</summary>
    public static SpaceId Space => Genesis.Space;

    /// <summary>The entity in which everybody counts.</summary>
    public static EntityKey Total { get; } = new("ledger", "total", "0");

    /// <summary>The entity that a replica's n-th transaction makes.</summary>
    public static EntityKey Entry(Guid replica, long n) => new("ledger", "entry", string.Create(CultureInfo.InvariantCulture, $"{replica:N}-{n}"));

    /// <summary>Opens a replica of the space, made where there is none, with its feed.</summary>
    public static async Task<(Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed)> OpenAsync(string connection, Guid id)
    {
        // Whoever tests waits until the process before is dead.
        var options = new PostgresStoreOptions { Holder = id };
        PostgresReplicaStore store = await PostgresReplicaStore.ExistsAsync(connection, Space, new ReplicaId(id))
            ? await PostgresReplicaStore.OpenAsync(connection, Space, new ReplicaId(id), options)
            : await PostgresReplicaStore.CreateAsync(connection, new ReplicaIdentity(Space, new ReplicaId(id), ReplicaRole.Server), options);
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = TimeProvider.System,
            Genesis = Genesis,
            ProjectedEntitiesPerUpdate = 50,
            ClosesEachRun = true,
        });
        return (replica, store, PostgresFeed.Start(store, replica));
    }

    /// <summary>Writes until it dies. What it tells on standard output has happened.</summary>
    public static async Task<int> RunAsync(string connection, Guid id)
    {
        (Replica replica, PostgresReplicaStore _, PostgresFeed _) = await OpenAsync(connection, id);
        long n = 0;
        while (replica.Get(Entry(id, n + 1)) is not null) n++;
        using Stream output = Console.OpenStandardOutput();
        Tell($"opened {n}");
        while (true)
        {
            long next = ++n;
            await replica.CommitAsync(tx =>
            {
                tx.Create(Entry(id, next)).Set("n", next);
                tx.Upsert(Total).Increment("count", 1);
            });
            Tell(next.ToString(CultureInfo.InvariantCulture));
        }

        void Tell(string line)
        {
            output.Write(System.Text.Encoding.ASCII.GetBytes(line + "\n"));
            output.Flush();
        }
    }
}
