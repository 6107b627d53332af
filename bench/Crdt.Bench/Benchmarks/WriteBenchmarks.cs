using BenchmarkDotNet.Attributes;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Benchmarks;

/// <summary>Local commits on the store in memory, a mutation for each write, batch bytes and chain included.</summary>
[MemoryDiagnoser]
public class WriteBenchmarks
{
    private const int Writes = 10_000;
    private readonly FieldWrite[] inserts = FieldWorkload.Inserts(Writes / 10);
    private readonly FieldWrite[] updates = FieldWorkload.Updates(2, Writes / 10, Writes);
    private Replica replica = null!;

    [Params(1, 100)]
    public int PerTransaction { get; set; }

    [IterationSetup(Target = nameof(Insert))]
    public void Empty() => replica = Lab.Open(1);

    [IterationSetup(Target = nameof(Update))]
    public void Loaded()
    {
        replica = Lab.Open(1);
        Lab.Write(replica, inserts, 100);
    }

    [Benchmark(OperationsPerInvoke = Writes)]
    public void Insert() => Lab.Write(replica, inserts, PerTransaction);

    [Benchmark(OperationsPerInvoke = Writes)]
    public void Update() => Lab.Write(replica, updates, PerTransaction);
}
