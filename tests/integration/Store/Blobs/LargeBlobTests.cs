using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Crdt.Store;
using Xunit.Abstractions;

namespace Crdt.Integration.Store.Blobs;

/// <summary>Large blobs, and many: in memory that does not grow with them.</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class LargeBlobTests(ITestOutputHelper output) : IDisposable
{
    private const long HeapGrowthMax = 24 << 20;

    private readonly string root = Directory.CreateTempSubdirectory("crdt-large-blob-").FullName;
    private readonly StoreKey key = StoreKey.FromBytes(new byte[32]);

    public void Dispose()
    {
        key.Dispose();
        Directory.Delete(root, recursive: true);
    }

    [LargeBlobFact]
    public Task A_blob_of_any_size_goes_in_across_and_out_in_flat_memory() => RunAsync((long)LargeBlobFactAttribute.Mebibytes << 20);

    [Fact]
    public Task A_blob_of_100_MiB_goes_in_across_and_out_in_flat_memory() => RunAsync(100 << 20);

    [Fact]
    public async Task A_store_of_many_blobs_is_open_quickly()
    {
        const int Count = 300;
        await using (FileBlobStore store = FileBlobStore.Open(root))
        {
            for (int i = 0; i < Count; i++)
            {
                await using IBlobDraft draft = await store.CreateAsync(default);
                await draft.AppendAsync(BitConverter.GetBytes(i), default);
                await draft.CompleteAsync(default);
            }
        }
        long started = Stopwatch.GetTimestamp();
        await using FileBlobStore again = FileBlobStore.Open(root);
        TimeSpan took = Stopwatch.GetElapsedTime(started);
        Assert.Equal(Count, again.List().Count);
        Assert.Equal(4 * Count, again.UsedBytes);
        output.WriteLine($"{Count} blobs: {took.TotalMilliseconds:F0} ms");
        // Far from what is measured, near enough to notice that content is read.
        Assert.InRange(took.TotalSeconds, 0, 5);
    }

    private async Task RunAsync(long size)
    {
        long baseline = GC.GetTotalMemory(forceFullCollection: true), set = Environment.WorkingSet, heap = 0;
        await using FileBlobStore from = FileBlobStore.Open(Path.Combine(root, "from"), key), to = FileBlobStore.Open(Path.Combine(root, "to"));
        long started = Stopwatch.GetTimestamp();
        (BlobHash blob, BlobHash sha256) = await PutAsync(from, size);
        TimeSpan put = Stopwatch.GetElapsedTime(started);
        Look();

        started = Stopwatch.GetTimestamp();
        var tree = new BlobTree(size);
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        for (int chunk = 0; chunk < tree.Chunks; chunk++)
        {
            int length = await from.ReadAsync(blob, chunk, buffer, default);
            Assert.True(await to.WriteAsync(blob, size, chunk, buffer.AsMemory(0, length), from.ReadProof(blob, chunk), default));
            if (chunk % 4_096 == 0) Look();
        }
        Assert.True(to.Find(blob)!.Value.IsWhole);
        TimeSpan across = Stopwatch.GetElapsedTime(started);

        started = Stopwatch.GetTimestamp();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int chunk = 0; chunk < tree.Chunks; chunk++) hash.AppendData(buffer, 0, await to.ReadAsync(blob, chunk, buffer, default));
        Assert.Equal(sha256, BlobHash.FromBytes(hash.GetHashAndReset()));
        TimeSpan got = Stopwatch.GetElapsedTime(started);
        Look();
        long held = GC.GetTotalMemory(forceFullCollection: true) - baseline;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size >> 20} MiB: put encrypted {size / put.TotalSeconds / 1e6:F0} MB/s, across {size / across.TotalSeconds / 1e6:F0} MB/s, get {size / got.TotalSeconds / 1e6:F0} MB/s; heap at most {heap >> 10} KiB more, {held >> 10} KiB held at the end, working set {(Environment.WorkingSet - set) >> 20} MiB more"));
        Assert.InRange(heap, 0, HeapGrowthMax);

        void Look() => heap = Math.Max(heap, GC.GetTotalMemory(forceFullCollection: true) - baseline);
    }

    private static async Task<(BlobHash Root, BlobHash Sha256)> PutAsync(FileBlobStore store, long size)
    {
        byte[] piece = new byte[81_920];
        new Random(1).NextBytes(piece);
        await using IBlobDraft draft = await store.CreateAsync(default);
        for (long at = 0; at < size; at += piece.Length)
        {
            BinaryPrimitives.WriteInt64LittleEndian(piece, at);
            await draft.AppendAsync(piece.AsMemory(0, (int)Math.Min(piece.Length, size - at)), default);
        }
        (BlobHash root, BlobHash sha256, long length) = await draft.CompleteAsync(default);
        Assert.Equal(size, length);
        return (root, sha256);
    }
}
