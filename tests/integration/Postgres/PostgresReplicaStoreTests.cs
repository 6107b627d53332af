using System.Reflection;
using Crdt.Integration.Store;
using Crdt.Store;
using Crdt.Store.Postgres;

namespace Crdt.Integration.Postgres;

/// <summary>What every store promises, of PostgreSQL.</summary>
public sealed class PostgresReplicaStoreTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    public static TheoryData<string, int?> Promises()
    {
        var promises = new TheoryData<string, int?>();
        foreach (MethodInfo method in typeof(ReplicaStoreConformance).GetMethods().Where(m => m.IsDefined(typeof(FactAttribute))))
        {
            InlineDataAttribute[] cases = [.. method.GetCustomAttributes<InlineDataAttribute>()];
            if (cases.Length == 0) promises.Add(method.Name, null);
            foreach (InlineDataAttribute given in cases) promises.Add(method.Name, (int)given.GetData(method).Single()[0]);
        }
        return promises;
    }

    [ComponentTheory(PostgresCluster.Program)]
    [MemberData(nameof(Promises))]
    public async Task PostgreSQL_keeps_what_every_store_promises(string promise, int? seed)
    {
        var conformance = new Conformance(await cluster.NewDatabaseAsync());
        var kept = (Task)typeof(ReplicaStoreConformance).GetMethod(promise)!.Invoke(conformance, seed is { } given ? [given] : [])!;
        await kept;
    }

    // Not public, so that its tests run here alone, where PostgreSQL is.
    private sealed class Conformance(string connection) : ReplicaStoreConformance
    {
        protected override IReplicaStore Create() => PostgresReplicaStore.CreateAsync(connection, Identity).GetAwaiter().GetResult();

        protected override async Task<IReplicaStore> ReopenAsync(IReplicaStore store)
        {
            await store.DisposeAsync();
            return await PostgresReplicaStore.OpenAsync(connection, Identity.Space, Ann);
        }
    }
}
