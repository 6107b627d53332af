using System.Globalization;
using Crdt.Store;
using Crdt.Store.LiteDb;

namespace Crdt.Integration.Store;

/// <summary>The projection on a disk that fails.</summary>
public sealed class ProjectionTests
{
    private const string DataPath = "/p/data";
    private const string LogPath = "/p/log";
    private const string DamagedPath = "/p/damaged";
    private const int KeyCount = 40;

    // Small, so that LiteDB copies its log into its data often.
    private const int CheckpointPages = 60;

    private static readonly EntityKey[] Keys =
        [.. Enumerable.Range(0, KeyCount).Select(i => new EntityKey("d", "t" + (i % 2), $"{i:D2}")).Order()];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void After_a_power_cut_at_any_instant_entities_and_watermark_are_of_one_update(int seed)
    {
        var random = new Random(seed);
        var disk = new SimulatedDisk();
        var expected = new List<string?[]> { new string?[KeyCount] };
        var cuts = new List<(int Durable, SimulatedDisk Disk)>();
        int durable = 0;
        using (ProjectionDatabase projection = Open(disk))
        {
            disk.Flushing = () => cuts.Add((durable, disk.AfterPowerCut((seed * 10_000) + cuts.Count)));
            for (int update = 1; update <= 40; update++)
            {
                expected.Add(Update(projection, update, expected[^1], random));
                durable = update;
            }
        }
        Assert.True(cuts.Count > 45, "The log was never copied into the data.");

        int rebuilt = 0, unfinished = 0;
        for (int i = 0; i < cuts.Count; i++)
        {
            (int promised, SimulatedDisk cut) = cuts[i];
            try
            {
                using ProjectionDatabase opened = Open(cut);
                int found = (int)opened.Mark.Position.Value;
                Assert.InRange(found, promised, promised + 1);
                unfinished += found - promised;
                AssertHolds(expected[found], opened);

                // And it goes on from there; cut again while it does.
                var again = new List<SimulatedDisk>();
                cut.Flushing = () => again.Add(cut.AfterPowerCut(seed + i));
                string?[] next = Update(opened, found + 1, expected[found], random);
                AssertHolds(next, opened);
                using ProjectionDatabase second = Open(again[0]);
                AssertHolds(second.Mark.Position.Value == found ? expected[found] : next, second);
            }
            catch (StoreException e) when (e.Error == StoreError.ProjectionDamaged)
            {
                rebuilt++;
            }
        }
        Assert.Equal(0, rebuilt);
        Assert.True(unfinished > 0, "No cut fell into a commit.");
    }

    [Fact]
    public void A_killed_process_leaves_the_last_update()
    {
        var disk = new SimulatedDisk();
        ProjectionDatabase projection = Open(disk);
        string?[] held = new string?[KeyCount];
        for (int update = 1; update <= 10; update++)
        {
            held = Update(projection, update, held, new Random(update));
            using ProjectionDatabase opened = Open(disk.AfterKill());
            Assert.Equal(update, opened.Mark.Position.Value);
            AssertHolds(held, opened);
        }
        projection.Dispose();
    }

    [Fact]
    public void On_a_full_disk_an_update_fails_whole_and_succeeds_when_there_is_room()
    {
        var random = new Random(1);
        var disk = new SimulatedDisk();
        using ProjectionDatabase projection = Open(disk);
        string?[] held = Update(projection, 1, new string?[KeyCount], random);
        for (int round = 2; round < 30; round++)
        {
            disk.CapacityBytes = disk[DataPath].Length + disk[LogPath].Length + (random.Next(4) * 9000);
            string?[] next;
            try
            {
                next = Update(projection, round, held, random);
            }
            catch (StoreException e)
            {
                Assert.Equal(StoreError.DiskFull, e.Error);
                Assert.Equal(round - 1, projection.Mark.Position.Value);
                AssertHolds(held, projection);
                disk.CapacityBytes = long.MaxValue;
                next = Update(projection, round, held, random);
            }
            held = next;
            disk.CapacityBytes = long.MaxValue;
            AssertHolds(held, projection);
        }
        Assert.False(disk.Exists(DamagedPath));
    }

    [Fact]
    public void A_failed_flush_is_reported_and_the_projection_goes_on()
    {
        var random = new Random(1);
        var disk = new SimulatedDisk();
        using ProjectionDatabase projection = Open(disk);
        string?[] held = Update(projection, 1, new string?[KeyCount], random);
        disk.FailFlushes = true;
        StoreException error = Assert.Throws<StoreException>(() => Update(projection, 2, held, random));
        Assert.Equal(StoreError.WriteFailed, error.Error);
        Assert.Equal(1, projection.Mark.Position.Value);
        disk.FailFlushes = false;
        held = Update(projection, 3, held, random, all: true);
        AssertHolds(held, projection);
    }

    [Fact]
    public void An_entity_that_cannot_be_encoded_is_its_owners_mistake_and_harms_nothing()
    {
        var disk = new SimulatedDisk();
        using ProjectionDatabase projection = Open(disk);
        string?[] held = Update(projection, 1, new string?[KeyCount], new Random(1));
        ProjectedEntity broken = StoredEntities.Make(Keys[^1], "x") with
        {
            State = new Lazy<ReadOnlyMemory<byte>>(() => throw new InvalidOperationException("mine")),
        };
        ProjectedEntity[] entities = [.. Keys.SkipLast(1).Select(k => StoredEntities.Make(k, "y")), broken];
        var error = Assert.Throws<InvalidOperationException>(
            () => projection.Apply(new ProjectionUpdate(new LogPosition(2), default, entities), 0));
        Assert.Equal("mine", error.Message);
        AssertHolds(held, projection);
        AssertHolds(Update(projection, 2, held, new Random(2)), projection);
    }

    [Fact]
    public void Damage_found_while_reading_is_remembered_for_the_next_opening()
    {
        var disk = new SimulatedDisk();
        using (ProjectionDatabase projection = Open(disk))
            Update(projection, 1, new string?[KeyCount], new Random(1), all: true);
        byte[] bytes = disk[DataPath];
        for (int page = 1; page < bytes.Length / 8208; page++)
            bytes[(page * 8208) + 100] ^= 1;
        disk[DataPath] = bytes;
        disk[LogPath] = [];

        Assert.Equal(StoreError.ProjectionDamaged, Assert.Throws<StoreException>(() =>
        {
            using ProjectionDatabase opened = Open(disk);
            opened.ReadState(Keys[0]);
        }).Error);
        Assert.True(disk.Exists(DamagedPath));
    }

    private static ProjectionDatabase Open(SimulatedDisk disk) =>
        ProjectionDatabase.Open(disk, DataPath, LogPath, DamagedPath, CheckpointPages);

    private static string?[] Update(
        ProjectionDatabase projection, int number, string?[] held, Random random, bool all = false)
    {
        string?[] next = [.. held];
        var entities = new List<ProjectedEntity>();
        for (int i = 0; i < KeyCount; i++)
        {
            if (!all && random.Next(4) > 0)
                continue;
            next[i] = number.ToString(CultureInfo.InvariantCulture) + new string('.', random.Next(3000));
            entities.Add(StoredEntities.Make(Keys[i], next[i]!));
        }
        projection.Apply(
            new ProjectionUpdate(new LogPosition(number), new byte[] { (byte)number }, entities), (ulong)number);
        return next;
    }

    private static void AssertHolds(string?[] expected, ProjectionDatabase projection)
    {
        Assert.Equal((ulong)projection.Mark.Position.Value, projection.Mark.LogHash);
        Assert.Equal(expected, Keys.Select(k => StoredEntities.Text(projection.ReadState(k))));
        Assert.Equal(Keys.Where((_, i) => expected[i] is not null), projection.Keys(null, null).ToArray());
        foreach ((EntityKey key, int index) in Keys.Select((k, i) => (k, i)))
        {
            if (expected[index] is null)
                continue;
            string collection = projection.CollectionOf(key.Domain, key.Type)!;
            Assert.Equal(
                expected[index],
                projection.Query(db => db.GetCollection(collection).FindById(key.Id))["state"].AsString);
        }
    }
}
