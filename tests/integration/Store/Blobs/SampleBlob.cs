using System.Security.Cryptography;

namespace Crdt.Integration.Store.Blobs;

/// <summary>Content of a length, the same for a seed, and whoever has all of it.</summary>
internal sealed class SampleBlob
{
    private readonly BlobHash[][] proofs;

    private SampleBlob(byte[] content, BlobHash root, BlobHash[][] proofs) => (Content, Root, this.proofs) = (content, root, proofs);

    public byte[] Content { get; }

    public BlobHash Root { get; }

    public long Size => Content.Length;

    public BlobTree Tree => new(Content.Length);

    public static async Task<SampleBlob> MakeAsync(int length, int seed = 1)
    {
        byte[] content = new byte[length];
        new Random(seed).NextBytes(content);
        await using var source = new MemoryBlobStore();
        BlobHash root = await PutAsync(source, content);
        return new SampleBlob(content, root, [.. Enumerable.Range(0, new BlobTree(length).Chunks).Select(c => source.ReadProof(root, c)!)]);
    }

    /// <summary>Puts content into a store, in pieces of odd lengths.</summary>
    public static async Task<BlobHash> PutAsync(IBlobStore store, byte[] content, int piece = 50_021)
    {
        await using IBlobDraft draft = await store.CreateAsync(default);
        for (int at = 0; at < content.Length; at += piece)
            await draft.AppendAsync(content.AsMemory(at, Math.Min(piece, content.Length - at)), default);
        (BlobHash root, BlobHash sha256, long size) = await draft.CompleteAsync(default);
        Assert.Equal(BlobHash.FromBytes(SHA256.HashData(content)), sha256);
        Assert.Equal(content.Length, size);
        return root;
    }

    public ReadOnlyMemory<byte> Chunk(int chunk) => Content.AsMemory((int)BlobTree.Offset(chunk), Tree.LengthOf(chunk));

    public BlobHash[] Proof(int chunk) => [.. proofs[chunk]];

    public ValueTask<bool> SendAsync(IBlobStore store, int chunk) => store.WriteAsync(Root, Size, chunk, Chunk(chunk), Proof(chunk), default);

    /// <summary>Whether a store gives back a chunk as it is; false if it says that it does not have it. Fails on anything
    /// else.</summary>
    public async Task<bool> IsInAsync(IBlobStore store, int chunk)
    {
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        int length = await store.ReadAsync(Root, chunk, buffer, default);
        if (length < 0) return false;
        Assert.True(Chunk(chunk).Span.SequenceEqual(buffer.AsSpan(0, length)));
        return true;
    }

    public async Task AssertWholeAsync(IBlobStore store)
    {
        Assert.Equal(new BlobHolding(Root, Size, Tree.Chunks, 0, Tree.Chunks), store.Find(Root));
        for (int chunk = 0; chunk < Tree.Chunks; chunk++)
        {
            Assert.True(await IsInAsync(store, chunk));
            Assert.Equal(Proof(chunk), store.ReadProof(Root, chunk));
        }
    }
}
