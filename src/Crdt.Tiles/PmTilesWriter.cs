using System.IO.Hashing;
using Crdt.Tiles.PmTiles;

namespace Crdt.Tiles;

/// <summary>Makes a PMTiles pack, version 3. Tiles with the same bytes are held once; directories come before the tiles and the
/// tiles in the order in which they were added, so whoever adds the first levels first lets a pack that is still arriving show
/// them first.</summary>
/// <remarks>Takes 24 bytes of memory for a tile and 40 for each different content; the tiles themselves wait in
/// <paramref name="scratch"/>. Not for several threads at once.</remarks>
/// <param name="scratch">An empty stream, readable, writable and seekable, that takes as many bytes as the tiles have.</param>
public sealed class PmTilesWriter(Stream scratch)
{
    // As large as leaves of other writers are at least; doubled until the root directory fits.
    private const int LeafEntriesMin = 4096;

    private readonly List<PmTilesEntry> entries = [];
    private readonly Dictionary<UInt128, (ulong Offset, uint Length)> contents = [];
    private ulong last;
    private bool isSorted = true, isComplete;

    /// <summary>Tiles added so far.</summary>
    public long Count { get; private set; }

    /// <summary>Adds a tile, compressed as the pack will say.</summary>
    /// <param name="tile">Its place; each one once.</param>
    /// <param name="bytes">Its bytes: some, and no more than a reader takes (8 MiB).</param>
    /// <exception cref="ArgumentException">There is no such place, or no reader takes such a tile.</exception>
    public void Add(TileCoordinate tile, ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(isComplete, this);
        if (!tile.IsValid) throw new ArgumentException($"There is no tile {tile}.", nameof(tile));
        if (bytes.Length is 0 or > TileLimits.TileBytesMax) throw new ArgumentException($"Tile {tile} has {bytes.Length} bytes, of 1 to {TileLimits.TileBytesMax}.", nameof(bytes));
        UInt128 hash = XxHash128.HashToUInt128(bytes);
        if (!contents.TryGetValue(hash, out (ulong Offset, uint Length) content) || !IsSame(content, bytes))
        {
            content = ((ulong)scratch.Length, (uint)bytes.Length);
            scratch.Position = scratch.Length;
            scratch.Write(bytes);
            contents[hash] = content;
        }
        ulong id = HilbertTileId.Of(tile);
        if (Count > 0 && id <= last) isSorted = false;
        (last, Count) = (id, Count + 1);
        if (entries.Count > 0 && entries[^1] is var before && before.TileId + before.RunLength == id && before.Offset == content.Offset)
            entries[^1] = before with { RunLength = before.RunLength + 1 };
        else entries.Add(new PmTilesEntry(id, content.Offset, content.Length, 1));
    }

    /// <summary>Writes the pack; nothing can be added afterwards.</summary>
    /// <param name="output">Where it is written to, from its position on.</param>
    /// <param name="info">What the pack says of itself.</param>
    /// <param name="metadataJson">The rest of it: a JSON object. Of vector tiles it has <c>vector_layers</c>.</param>
    /// <param name="cancellationToken">Ends the writing; what was written is no pack then.</param>
    /// <exception cref="InvalidOperationException">No tile, or one of them twice.</exception>
    public async ValueTask CompleteAsync(Stream output, TilePackInfo info, string metadataJson, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(info);
        ObjectDisposedException.ThrowIf(isComplete, this);
        if (entries.Count == 0) throw new InvalidOperationException("A pack has at least one tile.");
        isComplete = true;
        PmTilesEntry[] sorted = Sorted();
        (byte[] root, byte[] leaves) = Directories(sorted);
        byte[] metadata = TileCodec.Gzip(System.Text.Encoding.UTF8.GetBytes(metadataJson));
        var first = new PmTilesSection(PmTilesHeader.LengthBytes, root.Length);
        var second = new PmTilesSection(first.Offset + first.Length, metadata.Length);
        var third = new PmTilesSection(second.Offset + second.Length, leaves.Length);
        byte[] header = new byte[PmTilesHeader.LengthBytes];
        new PmTilesHeader
        {
            Root = first,
            Metadata = second,
            Leaves = third,
            Tiles = new PmTilesSection(third.Offset + third.Length, scratch.Length),
            AddressedTiles = (ulong)Count,
            TileEntries = (ulong)sorted.Length,
            TileContents = (ulong)contents.Count,
            IsClustered = isSorted,
            InternalCompression = TileCompression.Gzip,
            Info = info,
        }.Write(header);
        foreach (byte[] part in (byte[][])[header, root, metadata, leaves]) await output.WriteAsync(part, cancellationToken).ConfigureAwait(false);
        scratch.Position = 0;
        await scratch.CopyToAsync(output, cancellationToken).ConfigureAwait(false);
    }

    private PmTilesEntry[] Sorted()
    {
        PmTilesEntry[] sorted = [.. entries];
        if (!isSorted) Array.Sort(sorted, static (a, b) => a.TileId.CompareTo(b.TileId));
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i - 1].TileId + sorted[i - 1].RunLength > sorted[i].TileId)
                throw new InvalidOperationException($"Tile {HilbertTileId.ToTile(sorted[i].TileId)} was added twice.");
        }
        return sorted;
    }

    private static (byte[] Root, byte[] Leaves) Directories(PmTilesEntry[] sorted)
    {
        const int rootBytesMax = PmTilesHeader.StartBytes - PmTilesHeader.LengthBytes;
        byte[] all = TileCodec.Gzip(PmTilesDirectory.Write(sorted));
        if (all.Length <= rootBytesMax && sorted.Length <= LeafEntriesMin) return (all, []);
        for (int size = LeafEntriesMin; ; size *= 2)
        {
            using var leaves = new MemoryStream();
            var root = new List<PmTilesEntry>();
            for (int from = 0; from < sorted.Length; from += size)
            {
                byte[] leaf = TileCodec.Gzip(PmTilesDirectory.Write(sorted.AsSpan(from, Math.Min(size, sorted.Length - from))));
                root.Add(new PmTilesEntry(sorted[from].TileId, (ulong)leaves.Length, (uint)leaf.Length, 0));
                leaves.Write(leaf);
            }
            byte[] packed = TileCodec.Gzip(PmTilesDirectory.Write(root.ToArray()));
            if (packed.Length <= rootBytesMax) return (packed, leaves.ToArray());
        }
    }

    // Sameness is read, not believed of a hash that foreign tiles could be made for.
    private bool IsSame((ulong Offset, uint Length) content, ReadOnlySpan<byte> bytes)
    {
        if (content.Length != bytes.Length) return false;
        byte[] held = new byte[bytes.Length];
        scratch.Position = (long)content.Offset;
        scratch.ReadExactly(held);
        return bytes.SequenceEqual(held);
    }
}
