using System.Collections.Immutable;
using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>Says of most keys that were never projected that they were not, without asking LiteDB: a Bloom filter,
/// about
/// 12 bits for a key.</summary>
/// <remarks>Grows by layers, each four times as large as the last. What changed is written in the transaction that
/// changes
/// the keys. One writer; readers at any time.</remarks>
internal sealed class KeyFilter
{
    private const string Table = "_keyFilter";

    private const int BlockLengthBytes = 4096;
    private const int KeysPerBlock = BlockLengthBytes * 8 / 12;
    private const int Probes = 7;
    private const int FirstLayerBlocks = 4;
    private const int LayerGrowth = 4;

    private readonly HashSet<int> dirty = [];
    private ImmutableArray<Layer> layers = [];

    /// <summary>Reads the filter of a database.</summary>
    public static KeyFilter Load(ILiteDatabase database)
    {
        var filter = new KeyFilter();
        foreach (BsonDocument document in database.GetCollection(Table).FindAll())
        {
            (int layer, int block) = Math.DivRem(document["_id"].AsInt32, 1 << 20);
            while (filter.layers.Length <= layer)
                filter.AddLayer();
            filter.layers[layer].Restore(block, document["bits"].AsBinary, document["count"].AsInt32);
        }
        return filter;
    }

    /// <summary>False if a key was never added; true if it was, and for about 1 in 100 of the others.</summary>
    public bool MayContain(ulong hash)
    {
        foreach (Layer layer in layers)
        {
            if (layer.Contains(hash))
                return true;
        }
        return false;
    }

    public void Add(ulong hash)
    {
        if (MayContain(hash))
            return;
        if (layers.IsEmpty || layers[^1].IsFull)
            AddLayer();
        dirty.Add(((layers.Length - 1) << 20) | layers[^1].Add(hash));
    }

    /// <summary>Writes what changed, in the caller's transaction.</summary>
    public void Save(ILiteDatabase database)
    {
        ILiteCollection<BsonDocument> table = database.GetCollection(Table);
        foreach (int id in dirty)
        {
            (int layer, int block) = Math.DivRem(id, 1 << 20);
            (byte[] bits, int count) = layers[layer].Take(block);
            table.Upsert(new BsonDocument { ["_id"] = id, ["bits"] = bits, ["count"] = count });
        }
        dirty.Clear();
    }

    private void AddLayer()
    {
        int blocks = FirstLayerBlocks;
        for (int i = 0; i < layers.Length; i++)
            blocks *= LayerGrowth;
        layers = layers.Add(new Layer(blocks));
    }

    private sealed class Layer(int blocks)
    {
        private const int Words = BlockLengthBytes / 8;

        private readonly ulong[] bits = new ulong[blocks * Words];
        private readonly int[] counts = new int[blocks];
        private long count;

        public bool IsFull => count >= (long)blocks * KeysPerBlock;

        public bool Contains(ulong hash)
        {
            int first = BlockOf(hash) * Words;
            for (int probe = 0; probe < Probes; probe++)
            {
                int bit = BitOf(hash, probe);
                if ((Volatile.Read(ref bits[first + (bit >> 6)]) & (1UL << (bit & 63))) == 0)
                    return false;
            }
            return true;
        }

        public int Add(ulong hash)
        {
            int block = BlockOf(hash);
            for (int probe = 0; probe < Probes; probe++)
            {
                int bit = BitOf(hash, probe);
                Interlocked.Or(ref bits[(block * Words) + (bit >> 6)], 1UL << (bit & 63));
            }
            counts[block]++;
            count++;
            return block;
        }

        public void Restore(int block, byte[] bytes, int blockCount)
        {
            Buffer.BlockCopy(bytes, 0, bits, block * BlockLengthBytes, BlockLengthBytes);
            counts[block] = blockCount;
            count += blockCount;
        }

        public (byte[] Bits, int Count) Take(int block)
        {
            byte[] bytes = new byte[BlockLengthBytes];
            Buffer.BlockCopy(bits, block * BlockLengthBytes, bytes, 0, BlockLengthBytes);
            return (bytes, counts[block]);
        }

        private int BlockOf(ulong hash) => (int)((UInt128)hash * (uint)blocks >> 64);

        // Two halves of the hash make all probes (Kirsch and Mitzenmacher, "Less Hashing, Same Performance", 2006).
        private static int BitOf(ulong hash, int probe) =>
            (int)(((uint)hash + ((uint)probe * ((uint)(hash >> 24) | 1))) >> 17);
    }
}
