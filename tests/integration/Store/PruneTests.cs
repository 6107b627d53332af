using Crdt.Store;
using Crdt.Store.Log;

namespace Crdt.Integration.Store;

/// <summary>A log whose beginning is dropped on a disk that fails and loses power.</summary>
public class PruneTests
{
    private const string Directory = "/log";

    private static readonly ReplicaId Ann = new(new Guid("0a000000-0000-4000-8000-000000000001"));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task After_a_power_cut_at_any_instant_of_dropping_everything_from_the_floor_on_is_there(int seed)
    {
        var disk = new SimulatedDisk();
        var cuts = new List<(long Floor, SimulatedDisk Disk)>();
        long floor = 0;
        using (var log = ReplicaLog.Create(Directory, "me"u8.ToArray(), Options(disk)))
        {
            await FillAsync(log, 1, 400);
            disk.Changing = () => cuts.Add((floor, disk.AfterPowerCut(seed + cuts.Count)));
            foreach (long next in log.Read(0).Select(e => e.Next.Value).Where((_, i) => i % 130 == 129).ToList())
            {
                floor = next;
                log.Prune(next, default);
            }
        }
        Assert.True(cuts.Count > 20);
        var starts = new HashSet<long>();
        foreach ((long from, SimulatedDisk cut) in cuts)
        {
            using var log = ReplicaLog.Open(Directory, Options(cut));
            Assert.True(log.Start <= from);
            starts.Add(log.Start);
            long[] held = [.. log.Read(0).Select(e => e.Entry.LastSequence)];
            Assert.Equal(Enumerable.Range((int)held[0], held.Length).Select(i => (long)i), held);
            Assert.Equal(400, held[^1]);
            await FillAsync(log, 401, 3);
            Assert.Equal(403, log.Read(from).Last().Entry.LastSequence);
        }
        Assert.True(starts.Count > 5);
    }

    [Fact]
    public async Task A_disk_that_fails_to_drop_leaves_a_log_that_goes_on()
    {
        var disk = new SimulatedDisk();
        using var log = ReplicaLog.Create(Directory, "me"u8.ToArray(), Options(disk));
        await FillAsync(log, 1, 100);
        disk.FailDirectorySyncs = true;
        StoreException failure = Assert.Throws<StoreException>(() => log.Prune(log.WrittenEnd, default));
        Assert.Equal(StoreError.WriteFailed, failure.Error);
        disk.FailDirectorySyncs = false;
        await FillAsync(log, 101, 1);
        Assert.Equal(101, log.Read(0).Last().Entry.LastSequence);
        log.Prune(log.WrittenEnd, default);
        Assert.Equal(101, log.Read(0).Last().Entry.LastSequence);
        using var reopened = ReplicaLog.Open(Directory, Options(disk.AfterKill()));
        Assert.Equal(log.Start, reopened.Start);
        Assert.Equal(reopened.Start, reopened.FindStart(VersionVector.Empty));
    }

    private static LogOptions Options(SimulatedDisk disk) => new() { Disk = disk, SegmentLengthBytes = 2_000 };

    private static async Task FillAsync(ReplicaLog log, int first, int count)
    {
        for (int i = first; i < first + count; i++)
            await log.AppendAsync(new LogEntry(LogEntryKind.Batch, Ann, i, i, new byte[100]));
    }
}
