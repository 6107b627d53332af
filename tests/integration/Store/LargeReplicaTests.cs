using System.Diagnostics;
using System.Globalization;
using Crdt.KillWriter;
using Crdt.Store;
using Xunit.Abstractions;

namespace Crdt.Integration.Store;

/// <summary>Readers beside a writer, relaxed commits, and a file of a million mutations.</summary>
public sealed class LargeReplicaTests(ITestOutputHelper output) : IDisposable
{
    private const int Entities = 100_000;
    private const int Fields = 10;
    private const int EntitiesPerTransaction = 50;

    private readonly string directory = Directory.CreateTempSubdirectory("crdt-large-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Readers_beside_a_writer_see_whole_transactions_only_and_never_go_back()
    {
        ReplicaOptions options = Ledger.Options(projectedEntities: 24) with { CachedEntitiesMax = 100 };
        await using Replica replica = await Replica.OpenAsync(FileReplicaStore.Create(directory + "/r", Ledger.Identity), options);
        using var done = new CancellationTokenSource();
        Task<long>[] readers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            long seen = 0, reads = 0;
            while (!done.IsCancellationRequested)
            {
                (long last, string? wrong) = Ledger.Check(replica);
                Assert.Null(wrong);
                Assert.True(last >= seen);
                (seen, reads) = (last, reads + 1);
            }
            return reads;
        }))];
        for (int n = 1; n <= 600; n++) await Ledger.CommitAsync(replica, n);
        await done.CancelAsync();
        long[] counts = await Task.WhenAll(readers);
        Assert.All(counts, count => Assert.True(count > 0));
        Assert.Equal((600L, (string?)null), Ledger.Check(replica));
    }

    [Fact]
    public async Task Relaxed_commits_are_seen_at_once_and_durable_with_the_flush()
    {
        var disk = new SimulatedDisk();
        FileReplicaStore store = FileReplicaStore.Create("/r", Ledger.Identity, new Crdt.Store.Log.LogOptions { Disk = disk });
        await using Replica replica = await Replica.OpenAsync(store, Ledger.Options(100_000));
        int before = disk.FlushCount;
        for (int n = 1; n <= 200; n++) await Ledger.CommitAsync(replica, n, Durability.Relaxed);
        // Heads that close a full run wait for the disk; nothing else does.
        Assert.InRange(disk.FlushCount - before, 0, 5);
        Assert.Equal((200L, (string?)null), Ledger.Check(replica));
        await replica.FlushAsync();
        for (int seed = 0; seed < 10; seed++) Assert.Equal((200L, (string?)null), await AfterPowerCutAsync(disk, seed));

        for (int n = 201; n <= 230; n++) await Ledger.CommitAsync(replica, n, Durability.Relaxed);
        for (int seed = 0; seed < 20; seed++)
        {
            (long last, string? wrong) = await AfterPowerCutAsync(disk, seed);
            Assert.Null(wrong);
            Assert.InRange(last, 200, 230);
        }
        // A durable one takes all before it along.
        await Ledger.CommitAsync(replica, 231);
        for (int seed = 0; seed < 10; seed++) Assert.Equal((231L, (string?)null), await AfterPowerCutAsync(disk, seed));
    }

    [Fact]
    public async Task A_file_of_a_million_mutations_is_written_opened_and_read_in_bounded_time_and_memory()
    {
        string path = directory + "/million";
        long started = Stopwatch.GetTimestamp();
        await using (Replica replica = await Replica.OpenAsync(
            FileReplicaStore.Create(path, Ledger.Identity), Ledger.Options(4_096) with { CachedEntitiesMax = 20_000 }))
        {
            for (int e = 0; e < Entities; e += EntitiesPerTransaction)
            {
                for (int field = 0; field < Fields; field++)
                {
                    Transaction transaction = replica.Begin();
                    transaction.Durability = Durability.Relaxed;
                    for (int i = e; i < e + EntitiesPerTransaction; i++) transaction.Upsert(KeyOf(i)).Set($"f{field}", (long)i * field);
                    await transaction.CommitAsync();
                }
            }
            await replica.FlushAsync();
            Assert.Equal(Entities * Fields, replica.Vector[replica.Id]);
        }
        TimeSpan written = Stopwatch.GetElapsedTime(started);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long opening = Stopwatch.GetTimestamp();
        await using Replica opened = await Replica.OpenAsync(FileReplicaStore.Open(path), Ledger.Options(4_096));
        TimeSpan open = Stopwatch.GetElapsedTime(opening);
        Assert.Equal(777L * 7, opened.Get(KeyOf(777))!.GetInteger("f7"));
        TimeSpan first = Stopwatch.GetElapsedTime(opening) - open;
        long held = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(Entities, (await opened.GetStatusAsync()).Entities);
        long size = new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"written {written.TotalSeconds:F1} s, {size >> 20} MiB; opened {open.TotalMilliseconds:F0} ms, first read {first.TotalMilliseconds:F1} ms, {held >> 10} KiB held"));
        // Far from what is measured, near enough to notice work in proportion to the file.
        Assert.InRange(open.TotalSeconds, 0, 5);
        Assert.InRange(held, 0, 64 << 20);
    }

    private static EntityKey KeyOf(int i) => new("d", "t", i.ToString("D6", CultureInfo.InvariantCulture));

    private static async Task<(long, string?)> AfterPowerCutAsync(SimulatedDisk disk, int seed)
    {
        FileReplicaStore store = FileReplicaStore.Open("/r", new Crdt.Store.Log.LogOptions { Disk = disk.AfterPowerCut(seed) });
        await using Replica replica = await Replica.OpenAsync(store, Ledger.Options(100_000));
        return Ledger.Check(replica);
    }
}
