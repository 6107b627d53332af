namespace Crdt.Store.Blobs;

/// <summary>What is known of one blob in a store. What is read of it takes <see cref="Gate"/> only, which is never held while a
/// disk is waited for; who changes its file holds <see cref="Writing"/>.</summary>
internal sealed class StoredBlob(BlobHash root, BlobTree tree, BlobFormat format, string path)
{
    // Nodes that were read or written last; of two hashes a chunk all of a blob would not stay in memory.
    private const int NodesMax = 4_096;

    private readonly Dictionary<long, BlobHash> nodes = [];
    private ChunkSet there = new(tree.Chunks);
    private ChunkSet? damaged;
    private BlobHash? sha256;

    public BlobHash Root => root;

    public BlobTree Tree => tree;

    public string Path => path;

    public Lock Gate { get; } = new();

    public object Writing { get; } = new();

    /// <summary>How its file is laid out; set together with <see cref="Open"/> under the pool's lock.</summary>
    public BlobFormat Format { get; set; } = format;

    /// <summary>Its file, while it is open; the pool's.</summary>
    public OpenBlob? Open { get; set; }

    /// <summary>The SHA-256 of the whole, once it is known.</summary>
    public BlobHash? Sha256
    {
        get
        {
            lock (Gate) return sha256;
        }

        set
        {
            lock (Gate) sha256 = value;
        }
    }

    /// <summary>Whether it has a file.</summary>
    public bool IsStored { get; set; }

    /// <summary>Whether the store knows nothing of it any more.</summary>
    public bool IsGone { get; set; }

    /// <summary>Chunks that were written since the last flush.</summary>
    public int Unsynced { get; set; }

    /// <summary>Grows with each change of what is there: who found a damage and sees another number has to look again.</summary>
    public int Version { get; private set; }

    public bool IsWhole
    {
        get
        {
            lock (Gate) return there.Count == tree.Chunks;
        }
    }

    /// <summary>What the chunks that are there take.</summary>
    public long LengthBytes
    {
        get
        {
            lock (Gate)
            {
                int last = tree.Chunks - 1;
                return BlobTree.Offset(there.Count) - (there[last] ? BlobTree.ChunkLengthBytes - tree.LengthOf(last) : 0);
            }
        }
    }

    public BlobHolding Holding
    {
        get
        {
            lock (Gate) return new BlobHolding(root, tree.Size, there.Count, damaged?.Count ?? 0, there.FindNext(0, isIn: false));
        }
    }

    public bool Holds(int chunk, out int version)
    {
        lock (Gate)
        {
            version = Version;
            return chunk >= 0 && chunk < tree.Chunks && there[chunk];
        }
    }

    public int FindNext(int from, bool isThere)
    {
        lock (Gate) return there.FindNext(from, isThere);
    }

    public void Add(int chunk)
    {
        lock (Gate)
        {
            Version++;
            there[chunk] = true;
            if (damaged is not null) damaged[chunk] = false;
        }
    }

    /// <summary>Takes back what a failed write added.</summary>
    public void Withdraw(int chunk, bool wasDamaged)
    {
        lock (Gate)
        {
            Version++;
            there[chunk] = false;
            if (wasDamaged) damaged![chunk] = true;
        }
    }

    public bool IsDamaged(int chunk)
    {
        lock (Gate) return damaged?[chunk] == true;
    }

    /// <summary>Notes that a chunk is damaged.</summary>
    /// <returns>False if something has changed meanwhile.</returns>
    public bool TryGiveUp(int chunk, int version)
    {
        lock (Gate)
        {
            if (Version != version) return false;
            Version++;
            there[chunk] = false;
            (damaged ??= new ChunkSet(tree.Chunks))[chunk] = true;
            nodes.Clear();
            return true;
        }
    }

    /// <summary>Sets what is there, as read from the file, or as completed.</summary>
    public void Adopt(ChunkSet chunks, ChunkSet? broken)
    {
        lock (Gate)
        {
            Version++;
            (there, damaged) = (chunks, broken);
            nodes.Clear();
            (IsStored, Unsynced) = (true, 0);
        }
    }

    /// <summary>The end of the file, with what is there now.</summary>
    public byte[] Tail(BlobFormat layout)
    {
        lock (Gate) return layout.TailOf(tree, root, there, damaged);
    }

    public bool TryGetNode(long position, out BlobHash hash)
    {
        lock (Gate) return nodes.TryGetValue(position, out hash);
    }

    public void KeepNode(long position, BlobHash hash)
    {
        lock (Gate)
        {
            if (nodes.Count >= NodesMax) nodes.Clear();
            nodes[position] = hash;
        }
    }
}
