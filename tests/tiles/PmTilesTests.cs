using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Crdt.Tiles.Tests;

public sealed class PmTilesTests
{
    [Theory]
    [InlineData(0, 0, 0, 0)]
    [InlineData(1, 0, 0, 1)]
    [InlineData(1, 0, 1, 2)]
    [InlineData(1, 1, 1, 3)]
    [InlineData(1, 1, 0, 4)]
    [InlineData(2, 0, 0, 5)]
    [InlineData(12, 3423, 1763, 19078479)]
    public void A_tile_has_the_number_that_the_specification_gives_it(int zoom, int x, int y, ulong id)
    {
        Assert.Equal(id, HilbertTileId.Of(new TileCoordinate(zoom, x, y)));
        Assert.Equal(new TileCoordinate(zoom, x, y), HilbertTileId.ToTile(id));
    }

    [Fact]
    public void Every_level_is_numbered_without_a_gap_and_next_to_the_tile_before()
    {
        TileCoordinate before = default;
        for (ulong id = 1; id < HilbertTileId.FirstOf(8); id++)
        {
            TileCoordinate tile = HilbertTileId.ToTile(id);
            Assert.True(tile.IsValid);
            Assert.Equal(id, HilbertTileId.Of(tile));
            if (tile.Zoom == before.Zoom) Assert.Equal(1, Math.Abs(tile.X - before.X) + Math.Abs(tile.Y - before.Y));
            before = tile;
        }
        var last = new TileCoordinate(TileCoordinate.ZoomMax, (1 << TileCoordinate.ZoomMax) - 1, 0);
        Assert.Equal(HilbertTileId.End - 1, HilbertTileId.Of(last));
        Assert.Equal(last, HilbertTileId.ToTile(HilbertTileId.End - 1));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(7, true)]
    [InlineData(7, false)]
    public async Task What_was_written_is_read_in_whatever_order_it_was_added(int zoomMax, bool isSorted)
    {
        byte[] bytes = await Packs.PmTilesAsync(zoomMax, isSorted ? null : static p => p.OrderBy(t => t.X).ThenBy(t => t.Y));
        using ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(bytes));
        Assert.Equal(Packs.Info with { ZoomMax = zoomMax }, pack.Info);
        Assert.Equal(Packs.Metadata, await pack.GetMetadataAsync());
        PmTilesHeader header = ((PmTilesPack)pack).Header;
        HashSet<TileCoordinate> places = [.. Packs.Places(zoomMax)];
        Assert.Equal((ulong)places.Count, header.AddressedTiles);
        Assert.Equal((ulong)places.Select(p => Convert.ToHexString(Packs.TileAt(p))).Distinct().Count(), header.TileContents);
        Assert.Equal(isSorted, header.IsClustered);
        Assert.Equal(zoomMax == 7, header.Leaves.Length > 0);
        foreach (TileCoordinate tile in places) Assert.Equal(Packs.TileAt(tile), await pack.GetAsync(tile));
        Assert.Null(await pack.GetAsync(new TileCoordinate(4, 0, 0)));
        Assert.Null(await pack.GetAsync(new TileCoordinate(zoomMax + 1, 1, 1)));
        await Assert.ThrowsAsync<ArgumentException>(async () => await pack.GetAsync(new TileCoordinate(3, 8, 0)));
    }

    [Fact]
    public async Task What_is_here_is_read_while_the_rest_is_still_arriving()
    {
        byte[] bytes = await Packs.PmTilesAsync();
        var source = new PartialSource(bytes, 4096);
        Assert.Equal(TileError.NotHere, await Packs.ErrorOf(async () => await TilePack.OpenAsync(source)));
        for (int chunk = 0; chunk < 4; chunk++) source.Arrive(chunk);
        using ITilePack pack = await TilePack.OpenAsync(source);
        PmTilesHeader header = ((PmTilesPack)pack).Header;
        for (long chunk = 4; chunk * 4096 < header.Tiles.Offset + 4096; chunk++) source.Arrive(chunk);
        Assert.Equal(Packs.TileAt(default), await pack.GetAsync(default));
        TileCoordinate far = Packs.Places(7).Last();
        Assert.Equal(TileError.NotHere, await Packs.ErrorOf(async () => await pack.GetAsync(far)));
        source.ArriveAll();
        source.Read.Clear();
        Assert.Equal(Packs.TileAt(far), await pack.GetAsync(far));
        Assert.InRange(source.Read.Count, 1, 3);
    }

    [Fact]
    public async Task Writers_are_told_of_tiles_that_no_pack_has()
    {
        using MemoryStream scratch = new(), output = new();
        var writer = new PmTilesWriter(scratch);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.CompleteAsync(output, Packs.Info, "{}"));
        Assert.Throws<ArgumentException>(() => writer.Add(new TileCoordinate(1, 2, 0), [1]));
        Assert.Throws<ArgumentException>(() => writer.Add(default, []));
        writer.Add(new TileCoordinate(1, 0, 0), [1]);
        writer.Add(new TileCoordinate(1, 0, 0), [2]);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.CompleteAsync(output, Packs.Info, "{}"));
    }

    [Fact]
    public async Task What_a_pack_must_not_say_is_refused_before_memory_is_taken_for_it()
    {
        byte[] good = await Packs.PmTilesAsync(3);
        Assert.Equal(TileError.NotAPack, await OpenError(Encoding.UTF8.GetBytes("no pack of anything")));
        Assert.Equal(TileError.NotAPack, await OpenError([]));
        Assert.Equal(TileError.Unsupported, await OpenError(Changed(7, [2])));
        Assert.Equal(TileError.Damaged, await OpenError(good[..100]));
        Assert.Equal(TileError.Damaged, await OpenError(good[..200]));
        Assert.Equal(TileError.Damaged, await OpenError(Changed(16, Number(ulong.MaxValue))));
        Assert.Equal(TileError.Damaged, await OpenError(Changed(8, Number(0))));
        Assert.Equal(TileError.Damaged, await OpenError(Changed(56, Number(ulong.MaxValue - 5))));
        Assert.Equal(TileError.Damaged, await OpenError(Changed(101, [31])));
        Assert.Equal(TileError.Unsupported, await OpenError(Changed(97, [4])));
        Assert.Equal(TileError.Unsupported, await OpenError(Changed(98, [9])));
        // A root directory that unpacks to 64 MiB, and one of a billion entries.
        Assert.Equal(TileError.TooLarge, await OpenError(await WithRoot(new byte[64 << 20])));
        Assert.Equal(TileError.TooLarge, await OpenError(await WithRoot([0x80, 0x94, 0xeb, 0xdc, 0x03, 1, 1, 1])));
        Assert.Equal(TileError.Damaged, await OpenError(await WithRoot([2, 1, 0, 1, 1, 1, 1, 1, 1])));

        byte[] Changed(int at, byte[] by)
        {
            byte[] bytes = [.. good];
            by.CopyTo(bytes, at);
            return bytes;
        }

        static byte[] Number(ulong number)
        {
            byte[] bytes = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
            return bytes;
        }

        static Task<TileError> OpenError(byte[] bytes) => Packs.ErrorOf(async () => await TilePack.OpenAsync(new MemoryPackSource(bytes)));
    }

    [Fact]
    public async Task A_tile_that_would_be_too_large_or_behind_directories_without_an_end_is_refused()
    {
        // A leaf that is its own only entry.
        byte[] pack = await WithRoot([1, 0, 0, 40, 1], leaves: Packs.Zip([1, 0, 0, 25, 1]));
        using ITilePack endless = await TilePack.OpenAsync(new MemoryPackSource(pack));
        await Packs.ErrorOf(async () => await endless.GetAsync(default));
        using ITilePack large = await TilePack.OpenAsync(new MemoryPackSource(await WithRoot([1, 0, 1, 0xff, 0xff, 0xff, 0x07, 1], tilesBytes: 20 << 20)));
        Assert.Equal(TileError.TooLarge, await Packs.ErrorOf(async () => await large.GetAsync(default)));
        using ITilePack outside = await TilePack.OpenAsync(new MemoryPackSource(await WithRoot([1, 0, 1, 10, 100], tilesBytes: 50)));
        Assert.Equal(TileError.Damaged, await Packs.ErrorOf(async () => await outside.GetAsync(default)));
    }

    [Fact]
    public async Task Whatever_was_changed_in_a_pack_a_reader_answers_or_raises_its_one_error_in_bounded_memory()
    {
        byte[] good = await Packs.PmTilesAsync(6, static p => p.OrderBy(t => t.X).ThenBy(t => t.Y));
        PmTilesHeader header = PmTilesHeader.Read(good, good.Length);
        var random = new Random(8);
        TileCoordinate[] places = [.. Packs.Places(6)];
        var errors = new Dictionary<TileError, int>();
        int answered = 0;
        long most = 0;
        int packs = Packs.Cases(4_000);
        for (int i = 0; i < packs; i++)
        {
            byte[] bytes = i % 5 == 0 ? Repacked(good, header, random) : [.. good];
            int changes = random.Next(1, 6);
            for (int c = 0; c < changes; c++) bytes[random.Next(i % 3 == 0 ? bytes.Length : (int)header.Tiles.Offset)] = (byte)random.Next(256);
            if (i % 7 == 0) bytes = bytes[..random.Next(bytes.Length)];
            // Nothing waits: all of it runs on this thread.
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(bytes));
                for (int t = 0; t < 8; t++) await pack.GetAsync(places[random.Next(places.Length)]);
                await pack.GetMetadataAsync();
                answered++;
            }
            catch (TileException e)
            {
                errors[e.Error] = errors.GetValueOrDefault(e.Error) + 1;
            }
            most = Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.True(answered > packs / 20 && errors.GetValueOrDefault(TileError.Damaged) > packs / 10, $"{answered} answered; {string.Join(", ", errors)}");
        Assert.InRange(most, 0, 4 << 20);
    }

    [ComponentFact("node", "npm")]
    public async Task A_pack_written_here_is_read_by_the_reader_of_Protomaps()
    {
        byte[] bytes = await Packs.PmTilesAsync();
        string file = Path.Combine(Path.GetTempPath(), $"crdt-tiles-{Guid.NewGuid():N}.pmtiles");
        await File.WriteAllBytesAsync(file, bytes);
        try
        {
            TileCoordinate[] asked = [.. Packs.Places(7).Where((_, i) => i % 97 == 0), new TileCoordinate(4, 0, 0)];
            string[] lines = await NodePackages.RunAsync("packs.mjs", ["read", file], string.Join('\n', asked));
            JsonElement header = JsonDocument.Parse(lines[0]).RootElement;
            Assert.Equal(7, header.GetProperty("maxZoom").GetInt32());
            Assert.Equal(-123.5, header.GetProperty("minLon").GetDouble());
            Assert.Equal(60.125, header.GetProperty("maxLat").GetDouble());
            Assert.Equal((int)TileType.Mvt, header.GetProperty("tileType").GetInt32());
            Assert.Equal(Packs.Metadata, lines[1]);
            Assert.Equal(asked.Select((t, i) => i == asked.Length - 1 ? $"{t} none" : $"{t} {Convert.ToHexStringLower(Packs.Unzip(Packs.TileAt(t)))}"), lines[2..]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [ComponentFact("node", "npm")]
    public async Task A_pack_written_without_code_of_ours_is_read_here()
    {
        string file = Path.Combine(Path.GetTempPath(), $"crdt-tiles-{Guid.NewGuid():N}.pmtiles");
        try
        {
            await NodePackages.RunAsync("packs.mjs", ["write", file]);
            using var source = new FilePackSource(file);
            using ITilePack pack = await TilePack.OpenAsync(source);
            Assert.True(((PmTilesPack)pack).Header is { InternalCompression: TileCompression.Brotli, Leaves.Length: > 0 });
            Assert.Contains("made by others", await pack.GetMetadataAsync());
            HashSet<TileCoordinate> places = [.. Packs.Places(6)];
            for (int x = 0; x < 64; x++)
            {
                for (int y = 0; y < 64; y++)
                {
                    var tile = new TileCoordinate(6, x, y);
                    byte[]? found = await pack.GetAsync(tile);
                    Assert.Equal(places.Contains(tile) ? $"tile of kind {(y < 32 ? 0 : ((x * 31) + (y * 17) + 6) % 61)}" : null, found is null ? null : Encoding.UTF8.GetString(found));
                }
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Other bytes of directories, packed as they should be: damage that gzip's check-sum does not tell.</summary>
    private static byte[] Repacked(byte[] good, PmTilesHeader header, Random random)
    {
        byte[] root = Packs.Unzip(good[(int)header.Root.Offset..(int)(header.Root.Offset + header.Root.Length)]);
        for (int c = random.Next(1, 4); c > 0; c--) root[random.Next(root.Length)] = (byte)random.Next(256);
        byte[] packed = Packs.Zip(root), bytes = [.. good];
        if (packed.Length > header.Root.Length) return bytes;
        packed.CopyTo(bytes, (int)header.Root.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), packed.Length);
        return bytes;
    }

    private static async Task<byte[]> WithRoot(byte[] root, byte[]? leaves = null, int tilesBytes = 0)
    {
        byte[] packed = Packs.Zip(root), header = new byte[PmTilesHeader.LengthBytes];
        Assert.True(packed.Length + header.Length <= PmTilesHeader.StartBytes || root.Length > 1 << 20);
        leaves ??= [];
        if (packed.Length + header.Length > PmTilesHeader.StartBytes)
        {
            // Brotli packs nothing but zeros into a few bytes.
            using var output = new MemoryStream();
            await using (var packing = new System.IO.Compression.BrotliStream(output, System.IO.Compression.CompressionLevel.Optimal, leaveOpen: true)) await packing.WriteAsync(root);
            packed = output.ToArray();
        }
        var rootSection = new PmTilesSection(header.Length, packed.Length);
        var leafSection = new PmTilesSection(header.Length + packed.Length, leaves.Length);
        new PmTilesHeader
        {
            Root = rootSection,
            Leaves = leafSection,
            Tiles = new PmTilesSection(leafSection.Offset + leafSection.Length, tilesBytes),
            InternalCompression = root.Length > 1 << 20 ? TileCompression.Brotli : TileCompression.Gzip,
            Info = Packs.Info,
        }.Write(header);
        return [.. header, .. packed, .. leaves, .. new byte[tilesBytes]];
    }
}
