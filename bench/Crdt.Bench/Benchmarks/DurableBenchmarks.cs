using BenchmarkDotNet.Attributes;
using Crdt.Bench.Workloads;
using Crdt.Store;

namespace Crdt.Bench.Benchmarks;

/// <summary>Commits that are on disk when they return; wall clock, mostly that of the disk's flush.</summary>
[MemoryDiagnoser]
public class DurableBenchmarks
{
    private readonly FieldWrite[] writes = FieldWorkload.Inserts(10_000);
    private string directory = "";
    private Replica replica = null!;
    private int next;

    [GlobalSetup]
    public void Open()
    {
        directory = Directory.CreateTempSubdirectory("crdt-bench-").FullName;
        FileReplicaStore store = FileReplicaStore.Create(Path.Combine(directory, "replica"),
            new ReplicaIdentity(Lab.Genesis.Space, Lab.IdOf(1), ReplicaRole.Client));
        replica = Lab.Finish(Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Lab.Genesis }));
    }

    [GlobalCleanup]
    public async Task CloseAsync()
    {
        await replica.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Benchmark]
    public async Task CommitOne() => await CommitAsync(1);

    [Benchmark(OperationsPerInvoke = 100)]
    public async Task CommitHundredInOneTransaction() => await CommitAsync(100);

    [Benchmark(OperationsPerInvoke = 64)]
    public Task CommitFromSixtyFourCallers() => Task.WhenAll(Enumerable.Range(0, 64).Select(_ => CommitAsync(1)));

    private Task<CommitResult> CommitAsync(int count)
    {
        Transaction transaction = replica.Begin();
        for (int i = 0; i < count; i++)
        {
            ref readonly FieldWrite write = ref writes[next++ % writes.Length];
            transaction.Upsert(write.Key).Set(write.Name, write.Value);
        }
        return transaction.CommitAsync().AsTask();
    }
}
