using Crdt.Bench.Workloads;
using Xunit.Abstractions;

namespace Crdt.Properties.Costs;

/// <summary>Guards what the hot paths allocate and what formats take, on the shared workload of bench/: figures that are the same on
/// every machine. Each limit is a little above what was measured when it was set; lower it when a change makes it better.</summary>
public sealed class CostTests(ITestOutputHelper output)
{
    private const int Entities = 2_000;

    private static readonly FieldWrite[] Inserts = FieldWorkload.Inserts(Entities);
    private static readonly FieldWrite[] Updates = FieldWorkload.Updates(2, Entities, 4_000);

    [Theory]
    [InlineData(1, 1_050)]
    [InlineData(100, 290)]
    public void A_commit_of_new_fields_allocates_little(int size, int bytesMax)
    {
        Lab.Write(Lab.Open(1), Inserts, size);
        Replica replica = Lab.Open(1);
        CheckAllocated(() => Lab.Write(replica, Inserts, size), Inserts.Length, bytesMax);
        Assert.Equal(Entities, replica.Keys(FieldWorkload.Domain, FieldWorkload.EntityType).Count());
    }

    [Theory]
    [InlineData(1, 1_300)]
    [InlineData(100, 800)]
    public void A_commit_of_changed_fields_allocates_little(int size, int bytesMax)
    {
        Replica replica = Loaded(7);
        Lab.Write(replica, Updates, size);
        CheckAllocated(() => Lab.Write(replica, Updates, size), Updates.Length, bytesMax);
    }

    [Fact]
    public void Applying_allocates_little_beyond_what_the_state_keeps()
    {
        List<BatchRun> runs = LoadedRuns();
        Lab.Apply(Lab.Open(2), runs);
        Replica replica = Lab.Open(3);
        CheckAllocated(() => Lab.Apply(replica, runs), Inserts.Length, 240);
    }

    [Theory]
    [InlineData(1, 68)]
    [InlineData(10, 215)]
    [InlineData(100, 1_215)]
    public void A_batch_of_changes_takes_few_bytes(int size, int bytesMax)
    {
        Replica replica = Loaded(7);
        var lengths = new List<int>();
        for (int i = 0; i + size <= 2_000; i += Math.Max(size, 100))
        {
            Lab.Write(replica, Updates.AsSpan(i, size), size);
            lengths.Add(Lab.RunsOf(replica)[^1].Batches.Sum(b => b.Length));
        }
        lengths.Sort();
        output.WriteLine($"median {lengths[lengths.Count / 2]} bytes");
        Assert.InRange(lengths[lengths.Count / 2], 1, bytesMax);
    }

    [Fact]
    public void A_log_of_new_entities_takes_few_bytes_for_each_write()
    {
        double perWrite = LoadedRuns().Sum(r => r.Batches.Sum(b => (double)b.Length)) / Inserts.Length;
        output.WriteLine($"{perWrite:F2} bytes");
        Assert.InRange(perWrite, 1, 7.8);
    }

    private static List<BatchRun> LoadedRuns()
    {
        Replica writer = Lab.Open(1);
        Lab.Write(writer, Inserts, 100);
        return Lab.RunsOf(writer);
    }

    private static Replica Loaded(int number)
    {
        Replica replica = Lab.Open(number);
        Lab.Apply(replica, LoadedRuns());
        return replica;
    }

    private void CheckAllocated(Action work, int operations, int bytesMax)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        work();
        double bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)operations;
        output.WriteLine($"{bytes:F0} bytes for each");
        Assert.InRange(bytes, 1, bytesMax);
    }
}
