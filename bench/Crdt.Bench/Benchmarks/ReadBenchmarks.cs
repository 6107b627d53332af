using BenchmarkDotNet.Attributes;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Benchmarks;

/// <summary>Reading, and what every commit and session asks for.</summary>
[MemoryDiagnoser]
public class ReadBenchmarks
{
    private const int Entities = 1_000;
    private readonly HybridLogicalClock clock = new(TimeProvider.System, HybridLogicalClock.DefaultDriftMax);
    private Replica replica = null!;
    private EntityKey key = null!;
    private VersionVector vector = null!;
    private VersionVector other = null!;

    [GlobalSetup]
    public void Load()
    {
        replica = Lab.Open(1);
        Lab.Write(replica, FieldWorkload.Inserts(Entities), 100);
        key = FieldWorkload.Key(500);
        vector = VersionVector.From(Enumerable.Range(1, 100).Select(i => new Dot(Lab.IdOf(i), i)));
        other = VersionVector.From(Enumerable.Range(50, 100).Select(i => new Dot(Lab.IdOf(i), i)));
    }

    [Benchmark]
    public Value? ReadField() => replica.Get(key)!["qty"];

    [Benchmark]
    public string ReadJson() => replica.Get(key)!.ToJson();

    [Benchmark(OperationsPerInvoke = Entities)]
    public int Query() => replica.Query(FieldWorkload.Domain, FieldWorkload.EntityType).Count();

    [Benchmark]
    public HybridTimestamp Tick() => clock.Tick();

    [Benchmark]
    public bool VectorCovers() => vector.Covers(other);

    [Benchmark]
    public VersionVector VectorMerge() => vector.Merge(other);

    [Benchmark]
    public UInt128 DigestOfAnEntity() => StateDigest.Of(replica.Writer.Cache.PeekCommitted(key)!, replica.Writer.Authors.Ids);

    [Benchmark]
    public Guid MutationUuid() => MutationId.Of(new Dot(replica.Id, 12_345));
}
