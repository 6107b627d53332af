using Microsoft.Extensions.Time.Testing;

namespace Crdt.Testing;

/// <summary>A replica whose store appends when the test lets it, so that commits wait together.</summary>
public sealed class GatedReplica : IAsyncDisposable
{
    private readonly SpaceGenesis genesis;

    private GatedReplica(SpaceGenesis genesis, GatedStore store, Replica replica) =>
        (this.genesis, Store, Replica) = (genesis, store, replica);

    /// <summary>Its store, with the gate.</summary>
    public GatedStore Store { get; }

    /// <summary>The replica.</summary>
    public Replica Replica { get; }

    /// <summary>A replica that has met its space; from then on its store waits for <see cref="GatedStore.Release"/>.</summary>
    public static async Task<GatedReplica> OpenAsync()
    {
        var clock = new FakeTimeProvider(Team.Start);
        SpaceGenesis genesis = SpaceGenesis.Create(Team.IdOf(200), "test", [], clock);
        var store = new GatedStore(new MemoryReplicaStore(new(genesis.Space, Team.IdOf(1), ReplicaRole.Client)));
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = clock, Genesis = genesis });
        store.Close();
        return new GatedReplica(genesis, store, replica);
    }

    /// <summary>The replica that its log makes, as after a crash.</summary>
    public async Task<Replica> ReopenAsync() =>
        await Replica.OpenAsync(Store, new ReplicaOptions { Time = new FakeTimeProvider(Team.Start) });

    /// <summary>Another replica of the same space, empty, with a store that lets everything through.</summary>
    public async Task<Replica> OpenPeerAsync() => await Replica.OpenAsync(
        new MemoryReplicaStore(new(genesis.Space, Team.IdOf(2), ReplicaRole.Client)),
        new ReplicaOptions { Time = new FakeTimeProvider(Team.Start) });

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Store.Problem = null;
        Store.Release();
        return Replica.DisposeAsync();
    }
}
