using BenchmarkDotNet.Attributes;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Benchmarks;

/// <summary>Somebody else's runs into an empty replica: chain checked, decoded, merged, published.</summary>
[MemoryDiagnoser]
public class ApplyBenchmarks
{
    private const int Writes = 100_000;
    private List<BatchRun> runs = [];
    private Replica replica = null!;

    [Params(100, 10_000)]
    public int PerBatch { get; set; }

    [GlobalSetup]
    public void Write()
    {
        Replica writer = Lab.Open(1);
        Lab.Write(writer, FieldWorkload.Inserts(Writes / 10), PerBatch);
        runs = Lab.RunsOf(writer);
    }

    [IterationSetup]
    public void Empty() => replica = Lab.Open(2);

    [Benchmark(OperationsPerInvoke = Writes)]
    public void Apply() => Lab.Apply(replica, runs);
}
