namespace Crdt.Tiles.PmTiles;

/// <summary>A directory of a PMTiles pack: columns of variable-length numbers.</summary>
internal static class PmTilesDirectory
{
    // Each entry takes at least one byte in each of four columns.
    private const int EntryBytesMin = 4;

    /// <summary>Reads an unpacked directory.</summary>
    /// <exception cref="TileException">It contradicts itself.</exception>
    public static PmTilesEntry[] Read(ReadOnlySpan<byte> bytes)
    {
        var numbers = new Numbers(bytes);
        ulong count = numbers.Next();
        if (count > TileLimits.DirectoryEntriesMax)
            throw new TileException(TileError.TooLarge, $"A directory says it has {count} entries; up to {TileLimits.DirectoryEntriesMax} are read.");
        if (count == 0 || count > (ulong)bytes.Length / EntryBytesMin) throw Damaged($"{count} entries in {bytes.Length} bytes");
        var (ids, runs, lengths) = (new ulong[count], new uint[count], new uint[count]);
        ulong id = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            ulong step = numbers.Next();
            if ((i > 0 && step == 0) || step >= HilbertTileId.End || (id += step) >= HilbertTileId.End) throw Damaged($"entry {i} is for no tile");
            ids[i] = id;
        }
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i] = numbers.NextUInt32();
            ulong next = i + 1 < ids.Length ? ids[i + 1] : HilbertTileId.End;
            if (runs[i] > next - ids[i]) throw Damaged($"entry {i} runs over the next one");
        }
        for (int i = 0; i < lengths.Length; i++)
        {
            lengths[i] = numbers.NextUInt32();
            if (lengths[i] == 0) throw Damaged($"entry {i} has no bytes");
        }
        var entries = new PmTilesEntry[count];
        for (int i = 0; i < entries.Length; i++)
        {
            ulong offset = numbers.Next();
            if (offset == 0 && i == 0) throw Damaged("the first entry follows none");
            // 0 says: right behind the entry before. No sum of two wraps: a wrong one fails where its section is known.
            offset = offset == 0 ? entries[i - 1].Offset + entries[i - 1].Length : offset - 1;
            if (offset > long.MaxValue) throw Damaged($"entry {i} is at {offset}");
            entries[i] = new PmTilesEntry(ids[i], offset, lengths[i], runs[i]);
        }
        if (!numbers.IsAtEnd) throw Damaged("it goes on behind its entries");
        return entries;
    }

    /// <summary>The entry that a tile is to be found by; <see langword="null"/> when the directory has none.</summary>
    public static PmTilesEntry? Find(PmTilesEntry[] entries, ulong id)
    {
        (int low, int high) = (0, entries.Length - 1);
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (entries[middle].TileId <= id) low = middle + 1;
            else high = middle - 1;
        }
        if (high < 0) return null;
        PmTilesEntry entry = entries[high];
        return entry.RunLength == 0 || id - entry.TileId < entry.RunLength ? entry : null;
    }

    /// <summary>Writes one; the entries in order.</summary>
    public static byte[] Write(ReadOnlySpan<PmTilesEntry> entries)
    {
        using var output = new MemoryStream();
        Put((ulong)entries.Length);
        for (int i = 0; i < entries.Length; i++) Put(entries[i].TileId - (i == 0 ? 0 : entries[i - 1].TileId));
        foreach (PmTilesEntry entry in entries) Put(entry.RunLength);
        foreach (PmTilesEntry entry in entries) Put(entry.Length);
        for (int i = 0; i < entries.Length; i++)
            Put(i > 0 && entries[i].Offset == entries[i - 1].Offset + entries[i - 1].Length ? 0 : entries[i].Offset + 1);
        return output.ToArray();

        void Put(ulong number)
        {
            for (; number >= 0x80; number >>= 7) output.WriteByte((byte)(number | 0x80));
            output.WriteByte((byte)number);
        }
    }

    private static TileException Damaged(string what) => new(TileError.Damaged, $"A directory of the pack is wrong: {what}.");

    private ref struct Numbers(ReadOnlySpan<byte> bytes)
    {
        private readonly ReadOnlySpan<byte> bytes = bytes;
        private int at;

        public readonly bool IsAtEnd => at == bytes.Length;

        public ulong Next()
        {
            ulong number = 0;
            for (int shift = 0; ; shift += 7)
            {
                if (at == bytes.Length) throw Damaged("it ends within its entries");
                byte next = bytes[at++];
                if (shift == 63 && next > 1) throw Damaged("a number has more than 64 bits");
                number |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80) return number;
            }
        }

        public uint NextUInt32()
        {
            ulong number = Next();
            return number <= uint.MaxValue ? (uint)number : throw Damaged($"{number} has more than 32 bits");
        }
    }
}
