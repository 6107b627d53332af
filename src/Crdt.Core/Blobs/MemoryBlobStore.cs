using System.Security.Cryptography;

namespace Crdt;

/// <summary>A store that keeps the content of blobs in memory: for tests, the simulator, and replicas that need not outlive
/// their process.</summary>
/// <remarks>Every call completes at once, on the caller's thread.</remarks>
public sealed class MemoryBlobStore : IBlobStore
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<BlobHash, Content> contents = [];
    private long quotaBytes = long.MaxValue, usedBytes, draftedBytes;

    /// <inheritdoc/>
    public long QuotaBytes
    {
        get => Interlocked.Read(ref quotaBytes);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Interlocked.Exchange(ref quotaBytes, value);
        }
    }

    /// <inheritdoc/>
    public long UsedBytes => Interlocked.Read(ref usedBytes);

    /// <inheritdoc/>
    public IReadOnlyList<BlobHolding> List()
    {
        lock (gate) return [.. contents.Select(c => c.Value.HoldingOf(c.Key))];
    }

    /// <inheritdoc/>
    public BlobHolding? Find(BlobHash root)
    {
        lock (gate)
        {
            if (contents.TryGetValue(root, out Content? content)) return content.HoldingOf(root);
        }
        return root == BlobTree.EmptyRoot ? new BlobHolding(root, 0, 0, 0, 0) : null;
    }

    /// <inheritdoc/>
    public int FindNext(BlobHash root, int from, bool isThere)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        lock (gate) return contents.TryGetValue(root, out Content? content) ? content.FindNext(from, isThere) : isThere ? int.MaxValue : from;
    }

    /// <inheritdoc/>
    public ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<IBlobDraft>(new Draft(this));
    }

    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var tree = new BlobTree(size);
        BlobHash leaf = tree.Check(root, chunk, content.Span, proof.Span);
        lock (gate)
        {
            if (contents.TryGetValue(root, out Content? held) && held.Chunks[chunk] is not null) return ValueTask.FromResult(false);
            Reserve(content.Length);
            usedBytes += content.Length;
            if (held is null) contents.Add(root, held = new Content(tree, new byte[tree.Chunks][], new BlobHash[2 * tree.Chunks]));
            held.Chunks[chunk] = content.ToArray();
            held.Count++;
            tree.Place(chunk, leaf, proof.Span, (position, hash) => held.Nodes[position] = hash);
            return ValueTask.FromResult(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[]? bytes;
        lock (gate) bytes = contents.GetValueOrDefault(root)?.ChunkAt(chunk);
        bytes?.CopyTo(buffer);
        return ValueTask.FromResult(bytes?.Length ?? -1);
    }

    /// <inheritdoc/>
    public BlobHash[]? ReadProof(BlobHash root, int chunk)
    {
        lock (gate)
        {
            if (contents.GetValueOrDefault(root) is not { } held || held.ChunkAt(chunk) is null) return null;
            return [.. held.Tree.ProofOf(chunk).Select(n => held.Nodes[held.Tree.PositionOf(n.Level, n.Index)])];
        }
    }

    /// <inheritdoc/>
    public BlobHash? FindSha256(BlobHash root)
    {
        lock (gate) return contents.TryGetValue(root, out Content? content) ? content.Sha256 : BlobTree.EmptySha256Of(root);
    }

    /// <inheritdoc/>
    public ValueTask NoteSha256Async(BlobHash root, BlobHash sha256, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (gate)
        {
            if (contents.TryGetValue(root, out Content? content)) content.Sha256 = sha256;
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (gate)
        {
            if (!contents.Remove(root, out Content? content)) return ValueTask.FromResult(false);
            usedBytes -= content.LengthBytes;
            return ValueTask.FromResult(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Reserve(int lengthBytes)
    {
        if (usedBytes + draftedBytes > quotaBytes - lengthBytes)
            throw BlobException.OverQuota(quotaBytes, usedBytes + draftedBytes, lengthBytes);
    }

    private sealed class Content(BlobTree tree, byte[]?[] chunks, BlobHash[] nodes)
    {
        public BlobTree Tree => tree;

        public byte[]?[] Chunks => chunks;

        public BlobHash[] Nodes => nodes;

        public int Count { get; set; }

        public BlobHash? Sha256 { get; set; }

        public long LengthBytes => chunks.Sum(c => (long)(c?.Length ?? 0));

        public byte[]? ChunkAt(int chunk) => chunk >= 0 && chunk < chunks.Length ? chunks[chunk] : null;

        public int FindNext(int from, bool isThere)
        {
            for (int chunk = from; chunk < chunks.Length; chunk++)
            {
                if (chunks[chunk] is not null == isThere) return chunk;
            }
            return chunks.Length;
        }

        public BlobHolding HoldingOf(BlobHash root) => new(root, tree.Size, Count, 0, FindNext(0, isThere: false));
    }

    private sealed class Draft(MemoryBlobStore store) : IBlobDraft
    {
        private readonly List<byte[]> chunks = [];
        private readonly IncrementalHash sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private byte[] filling = [];
        private int filled;
        private long size;
        private bool isOver;

        public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(isOver, this);
            if (size + bytes.Length > Blob.SizeMax) throw BlobException.OverSize();
            lock (store.gate)
            {
                store.Reserve(bytes.Length);
                store.draftedBytes += bytes.Length;
            }
            size += bytes.Length;
            sha256.AppendData(bytes.Span);
            while (bytes.Length > 0)
            {
                if (filled == filling.Length) (filling, filled) = (new byte[BlobTree.ChunkLengthBytes], 0);
                int count = Math.Min(bytes.Length, filling.Length - filled);
                bytes.Span[..count].CopyTo(filling.AsSpan(filled));
                (filled, bytes) = (filled + count, bytes[count..]);
                if (filled == filling.Length) chunks.Add(filling);
            }
            return ValueTask.CompletedTask;
        }

        public ValueTask<(BlobHash Root, BlobHash Sha256, long Size)> CompleteAsync(CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(isOver, this);
            if (filled < filling.Length) chunks.Add(filling[..filled]);
            var tree = new BlobTree(size);
            BlobHash[] nodes = new BlobHash[2 * tree.Chunks];
            var builder = new BlobTreeBuilder((position, hash) => nodes[position] = hash);
            foreach (byte[] chunk in chunks) builder.Add(BlobTree.HashLeaf(chunk));
            BlobHash root = tree.RootOf(builder.Finish());
            BlobHash whole = BlobHash.FromBytes(sha256.GetHashAndReset());
            lock (store.gate)
            {
                Release();
                if (size > 0)
                {
                    store.usedBytes += size - (store.contents.GetValueOrDefault(root)?.LengthBytes ?? 0);
                    store.contents[root] = new Content(tree, [.. chunks], nodes) { Count = chunks.Count, Sha256 = whole };
                }
            }
            return ValueTask.FromResult((root, whole, size));
        }

        public ValueTask DisposeAsync()
        {
            sha256.Dispose();
            lock (store.gate)
            {
                if (!isOver) Release();
            }
            return ValueTask.CompletedTask;
        }

        private void Release()
        {
            isOver = true;
            store.draftedBytes -= size;
        }
    }
}
