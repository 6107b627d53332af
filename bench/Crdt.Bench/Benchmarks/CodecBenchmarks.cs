using BenchmarkDotNet.Attributes;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Benchmarks;

/// <summary>One batch, encoded and decoded, per batch.</summary>
[MemoryDiagnoser]
public class CodecBenchmarks
{
    private readonly BatchReader reader = new();
    private readonly BatchWriter writer = new();
    private readonly BatchColumns columns = new();
    private readonly BatchColumns target = new();
    private ReadOnlyMemory<byte> batch;
    private ReplicaId author;
    private long first;

    [Params(1, 100, 10_000)]
    public int Mutations { get; set; }

    [GlobalSetup]
    public void Write()
    {
        Replica replica = Lab.Open(1);
        Lab.Write(replica, FieldWorkload.Inserts(1_000), Mutations);
        (author, first) = (replica.Id, 10_001 - Mutations);
        batch = Lab.RunsOf(replica)[^1].Batches[^1];
        reader.Read(batch, author, first, columns);
    }

    [Benchmark]
    public byte[] Encode() => writer.Write(columns, first);

    [Benchmark]
    public void Decode() => reader.Read(batch, author, first, target);
}
