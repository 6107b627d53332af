namespace Crdt.Integration.Store;

public sealed class MemoryReplicaStoreTests : ReplicaStoreConformance
{
    protected override IReplicaStore Create() => new MemoryReplicaStore(Identity);

    protected override Task<IReplicaStore> ReopenAsync(IReplicaStore store) => Task.FromResult(store);
}
