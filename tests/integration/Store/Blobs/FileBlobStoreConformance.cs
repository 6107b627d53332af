using Crdt.Store;

namespace Crdt.Integration.Store.Blobs;

/// <summary>What every blob store promises, of one on the disk.</summary>
public abstract class FileBlobStoreConformance : BlobStoreConformance, IDisposable
{
    private static readonly byte[] RawKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private readonly string directory = Directory.CreateTempSubdirectory("crdt-blobs-").FullName;
    private readonly StoreKey? key;

    private protected FileBlobStoreConformance(bool isEncrypted) => key = isEncrypted ? StoreKey.FromBytes(RawKey) : null;

    public void Dispose()
    {
        key?.Dispose();
        Directory.Delete(directory, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected override IBlobStore Create() => FileBlobStore.Open(directory, key);

    protected override async Task<IBlobStore> ReopenAsync(IBlobStore store)
    {
        await store.DisposeAsync();
        return FileBlobStore.Open(directory, key);
    }
}

public sealed class PlainFileBlobStoreTests() : FileBlobStoreConformance(isEncrypted: false);

public sealed class EncryptedFileBlobStoreTests() : FileBlobStoreConformance(isEncrypted: true);
