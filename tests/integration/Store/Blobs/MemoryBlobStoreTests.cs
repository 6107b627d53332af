namespace Crdt.Integration.Store.Blobs;

public sealed class MemoryBlobStoreTests : BlobStoreConformance
{
    protected override IBlobStore Create() => new MemoryBlobStore();

    protected override Task<IBlobStore> ReopenAsync(IBlobStore store) => Task.FromResult(store);
}
