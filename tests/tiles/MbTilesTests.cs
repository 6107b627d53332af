using System.Text.Json;

namespace Crdt.Tiles.Tests;

public sealed class MbTilesTests
{
    [Theory]
    [InlineData(null, false)]
    [InlineData(null, true)]
    [InlineData(Packs.View, false)]
    public async Task A_pack_of_a_table_or_a_view_is_read_rows_counted_from_the_south(string? schema, bool isWal)
    {
        using ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(Packs.MbTiles(schema, isWal: isWal)));
        Assert.IsType<MbTilesPack>(pack);
        Assert.Equal(Packs.Info with { ZoomMax = 4 }, pack.Info);
        foreach (TileCoordinate tile in Packs.Places(4)) Assert.Equal(Packs.TileAt(tile), await pack.GetAsync(tile));
        Assert.Null(await pack.GetAsync(new TileCoordinate(4, 0, 0)));
        using JsonDocument metadata = JsonDocument.Parse(await pack.GetMetadataAsync());
        Assert.Equal("made here", metadata.RootElement.GetProperty("name").GetString());
        Assert.Equal("a", metadata.RootElement.GetProperty("vector_layers")[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task Many_at_once_read_one_pack()
    {
        using ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(Packs.MbTiles()));
        await Parallel.ForEachAsync(Packs.Places(4), async (tile, cancel) => Assert.Equal(Packs.TileAt(tile), await pack.GetAsync(tile, cancel)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Packs.View)]
    public async Task As_PMTiles_it_has_the_same_tiles_and_says_the_same(string? schema)
    {
        using MemoryStream scratch = new(), output = new();
        var source = new MemoryPackSource(Packs.MbTiles(schema));
        Assert.Equal(Packs.Places(4).Count(), await TilePack.ConvertAsync(source, scratch, output));
        using ITilePack before = await TilePack.OpenAsync(source), after = await TilePack.OpenAsync(new MemoryPackSource(output.ToArray()));
        Assert.True(Assert.IsType<PmTilesPack>(after).Header.IsClustered);
        Assert.Equal(before.Info, after.Info);
        Assert.Equal(await before.GetMetadataAsync(), await after.GetMetadataAsync());
        foreach (TileCoordinate tile in Packs.Places(4)) Assert.Equal(Packs.TileAt(tile), await after.GetAsync(tile));
        Assert.Null(await after.GetAsync(new TileCoordinate(4, 0, 0)));
    }

    [Fact]
    public async Task It_is_not_opened_before_all_of_it_is_here_nor_when_it_is_larger_than_allowed()
    {
        byte[] bytes = Packs.MbTiles();
        var source = new PartialSource(bytes, 4096);
        source.Arrive(0);
        Assert.Equal(TileError.NotHere, await Packs.ErrorOf(async () => await TilePack.OpenAsync(source)));
        source.ArriveAll();
        (await TilePack.OpenAsync(source)).Dispose();
        Assert.Equal(TileError.TooLarge, await Packs.ErrorOf(async () => await TilePack.OpenAsync(source, bytes.Length - 1)));
    }

    [Theory]
    // A view that never ends.
    [InlineData("CREATE VIEW tiles AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 0 AS zoom_level, i AS tile_column, 0 AS tile_row, 'x' AS tile_data FROM n")]
    // One that takes memory.
    [InlineData("CREATE VIEW tiles AS SELECT 0 AS zoom_level, 0 AS tile_column, 0 AS tile_row, randomblob(900000000) AS tile_data")]
    // One over an index of texts, which is code that reads its own tables.
    [InlineData("CREATE VIRTUAL TABLE tiles USING fts5(zoom_level, tile_column, tile_row, tile_data)")]
    [InlineData("CREATE TABLE other (x)")]
    public async Task A_database_that_does_more_than_hold_tiles_is_refused(string schema)
    {
        long begun = TimeProvider.System.GetTimestamp();
        TileError error = await Packs.ErrorOf(async () => await TilePack.OpenAsync(new MemoryPackSource(Packs.MbTiles(schema))));
        Assert.Contains(error, (TileError[])[TileError.Damaged, TileError.Unsupported]);
        Assert.InRange(TimeProvider.System.GetElapsedTime(begun), TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_question_that_takes_a_database_for_ever_is_ended()
    {
        // No recursion and no function, but a thousand times a thousand times a thousand rows.
        const string schema = """
            CREATE TABLE n (i integer);
            INSERT INTO n VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10);
            CREATE VIEW tiles AS SELECT a.i AS zoom_level, b.i AS tile_column, c.i AS tile_row, d.i AS tile_data
            FROM n a, n b, n c, n d, n e, n f, n g, n h, n i, n j WHERE a.i + b.i + c.i + d.i + e.i + f.i + g.i + h.i + i.i + j.i > 1000
            """;
        long begun = TimeProvider.System.GetTimestamp();
        Assert.Equal(TileError.Damaged, await Packs.ErrorOf(async () => await TilePack.OpenAsync(new MemoryPackSource(Packs.MbTiles(schema)))));
        Assert.InRange(TimeProvider.System.GetElapsedTime(begun), TimeSpan.Zero, TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Whatever_was_changed_in_a_pack_SQLite_answers_or_the_one_error_is_raised()
    {
        byte[] good = Packs.MbTiles(Packs.View, zoomMax: 3);
        var random = new Random(8);
        TileCoordinate[] places = [.. Packs.Places(3)];
        int answered = 0, refused = 0;
        int packs = Packs.Cases(1_000);
        for (int i = 0; i < packs; i++)
        {
            byte[] bytes = [.. good];
            for (int c = random.Next(1, 30); c > 0; c--) bytes[random.Next(16, i % 2 == 0 ? 8192 : bytes.Length)] = (byte)random.Next(256);
            if (i % 9 == 0) bytes = bytes[..random.Next(20, bytes.Length)];
            try
            {
                using ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(bytes));
                for (int t = 0; t < 8; t++) await pack.GetAsync(places[random.Next(places.Length)]);
                await pack.GetMetadataAsync();
                answered++;
            }
            catch (TileException)
            {
                refused++;
            }
        }
        Assert.True(answered > packs / 10 && refused > packs / 10, $"{answered} answered, {refused} refused");
    }
}
