using System.Buffers;
using Crdt.Bench.Workloads;
using static Crdt.Bench.Quick.Meter;

namespace Crdt.Bench.Quick;

/// <summary>The figures that tell whether a change made things faster or slower, in less than a minute. Every row
/// checks its result first.</summary>
internal static class QuickRun
{
    private const int Entities = 10_000;
    private const uint InsertedSum = 790_148_903, UpdatedSum = 1_120_306_297;

    private static readonly FieldWrite[] Inserts = FieldWorkload.Inserts(Entities);
    private static readonly FieldWrite[] Updates = FieldWorkload.Updates(2, Entities, 20_000);

    public static void Run(string? only)
    {
        Console.WriteLine($"{"",-52} {"ns/op",8} ({"min",6})  {"B alloc",8}  to floor");
        (string Name, Action Section)[] sections =
        [
            ("write", Write), ("apply", Apply), ("codec", Codec), ("read", Read), ("delta", Delta), ("churn", Churn), ("snapshot", Snapshots),
        ];
        foreach ((string name, Action section) in sections)
        {
            if (only is null || only == name) section();
        }
    }

    private static void Write()
    {
        foreach (int size in new[] { 1, 100 })
        {
            Figure floor = Measure(Inserts.Length, () => new Floor(1), f => WriteFloor(f, Inserts, size), f =>
                Check(FieldWorkload.Checksum(Entities, (k, n) => f.Read(k.Id, n)) == InsertedSum));
            Print($"floor: insert, {size}/tx", floor);
            Print($"W1 insert, {size}/tx, a mutation each", Measure(
                Inserts.Length, () => Lab.Open(1), r => Lab.Write(r, Inserts, size),
                r => CheckSum(r, InsertedSum)), floor);
            if (size == 1) continue;
            Print($"W1 insert, {size}/tx, a mutation per entity", Measure(
                Inserts.Length, () => Lab.Open(1), r => Lab.WriteByEntity(r, Inserts, size),
                r => CheckSum(r, InsertedSum)), floor);
        }
        foreach (int size in new[] { 1, 100 })
        {
            Figure floor = Measure(Updates.Length, LoadedFloor, f => WriteFloor(f, Updates, size));
            Print($"floor: update, {size}/tx", floor);
            List<BatchRun> loaded = LoadedRuns();
            Print($"W1 update, {size}/tx", Measure(
                Updates.Length, () => Loaded(7, loaded), r => Lab.Write(r, Updates, size),
                r => CheckSum(r, UpdatedSum)), floor);
        }
    }

    private static void Apply()
    {
        var source = new Floor(1);
        var deltas = new List<byte[]>();
        for (int i = 0; i < Inserts.Length; i += 100) deltas.Add(source.Write(Inserts.AsSpan(i, 100)));
        Figure floor = Measure(Inserts.Length, () => new Floor(2), f => deltas.ForEach(d => f.Apply(d)), f =>
            Check(FieldWorkload.Checksum(Entities, (k, n) => f.Read(k.Id, n)) == InsertedSum));
        Print("floor: apply 1,000 deltas of 100", floor);
        foreach (int size in new[] { 1, 100, 10_000 })
        {
            Replica writer = Lab.Open(1);
            Lab.Write(writer, Inserts, size);
            List<BatchRun> runs = Lab.RunsOf(writer);
            Print($"W2 apply batches of {size}", Measure(
                Inserts.Length, () => Lab.Open(2), r => Lab.Apply(r, runs),
                r => CheckSum(r, InsertedSum)), floor);
            Print($"   their bytes per write, times 100", runs.Sum(r => r.Batches.Sum(b => (long)b.Length)) * 100.0 / Inserts.Length);
        }
    }

    private static void Snapshots()
    {
        List<BatchRun> runs = LoadedRuns();
        Print("snapshot: take (per field)", Measure(Inserts.Length, () => LoadedServer(runs), r =>
            Lab.Finish(r.TakeSnapshotAsync())));
        Replica maker = LoadedServer(runs);
        Snapshot snapshot = Lab.Finish(maker.TakeSnapshotAsync());
        SnapshotManifest manifest = maker.Writer.Snapshots.ReadManifest(snapshot);
        List<ReadOnlyMemory<byte>> chunks = [.. maker.Writer.Snapshots.ReadChunks(manifest, snapshot.ChunksFrom)];
        void Join(Replica replica)
        {
            for (int i = Lab.Finish(replica.ConsiderAsync(manifest, CancellationToken.None)); i < chunks.Count; i++)
                Lab.Finish(replica.TakeAsync(manifest, i, chunks[i], CancellationToken.None));
            Lab.Finish(replica.JoinAsync(manifest, CancellationToken.None));
        }
        Print("snapshot: join by a newcomer (per field)", Measure(
            Inserts.Length, () => Lab.Open(2), Join, r => CheckSum(r, InsertedSum)));
        Print("snapshot: join by one that holds the other half (per field)", Measure(Inserts.Length, () =>
        {
            Replica half = Lab.Open(2);
            Lab.Apply(half, runs.GetRange(0, runs.Count / 2));
            return half;
        }, Join, r => CheckSum(r, InsertedSum)));
        Print($"   its bytes per field, times 100 ({chunks.Count} chunks)", snapshot.LengthBytes * 100.0 / Inserts.Length);
    }

    private static Replica LoadedServer(List<BatchRun> runs)
    {
        var store = new MemoryReplicaStore(new ReplicaIdentity(Lab.Genesis.Space, Lab.IdOf(9), ReplicaRole.Server));
        Replica server = Lab.Finish(Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Lab.Genesis }));
        Lab.Apply(server, runs);
        return server;
    }

    private static void Codec()
    {
        foreach (int size in new[] { 1, 100, 10_000 })
        {
            Replica writer = Lab.Open(1);
            Lab.Write(writer, Inserts.AsSpan(0, 20_000), size);
            List<ReadOnlyMemory<byte>> batches = [.. Lab.RunsOf(writer).SelectMany(r => r.Batches)];
            var reader = new BatchReader();
            var columns = new BatchColumns();
            Print($"decode batches of {size}", Measure(20_000, () => batches, all =>
            {
                long next = 1;
                foreach (ReadOnlyMemory<byte> batch in all)
                {
                    reader.Read(batch, writer.Id, next, columns);
                    next += columns.MutationCount;
                }
            }));
            var batchWriter = new BatchWriter();
            reader.Read(batches[^1], writer.Id, 20_001 - size, columns);
            int repeats = Math.Max(1, 20_000 / size);
            Print($"encode batches of {size}", Measure(repeats * size, () => columns, c =>
            {
                for (int i = 0; i < repeats; i++) batchWriter.Write(c, 20_001 - size);
            }));
        }
    }

    private static void Read()
    {
        Replica loaded = Loaded(7, LoadedRuns());
        Print("read a field, entity looked up each time", Measure(Inserts.Length, () => loaded, r =>
        {
            foreach (ref readonly FieldWrite write in Inserts.AsSpan())
                Check(r.Get(write.Key)![write.Name] == write.Value);
        }));
        Print("query all of a type, a field of each (per entity)", Measure(Entities, () => loaded, r =>
        {
            int count = 0;
            foreach (Entity entity in r.Query(FieldWorkload.Domain, FieldWorkload.EntityType))
                count += entity["qty"] is null ? 0 : 1;
            Check(count == Entities);
        }));
        Print("digest of a new state (per sibling)", Measure(11 * Entities, () => Loaded(7, LoadedRuns()), r =>
            Lab.Finish(r.ComputeDigestAsync(CancellationToken.None))));
    }

    private static void Delta()
    {
        List<BatchRun> loaded = LoadedRuns();
        foreach ((int size, int count) in new[] { (1, 200), (10, 50), (100, 20) })
        {
            Replica replica = Loaded(7, loaded);
            FieldWrite[] writes = FieldWorkload.Updates(3 + size, Entities, size * count);
            var batches = new List<int>();
            var messages = new List<int>();
            var codec = new SyncMessageCodec();
            for (int i = 0; i < count; i++)
            {
                Lab.Write(replica, writes.AsSpan(i * size, size), size);
                BatchRun last = Lab.RunsOf(replica)[^1];
                var output = new ArrayBufferWriter<byte>();
                codec.Write(output, new RunMessage(last));
                batches.Add(last.Batches.Sum(b => b.Length));
                messages.Add(output.WrittenCount);
            }
            Print($"W3 delta of {size} writes: batch, median", Median(batches));
            Print($"W3 delta of {size} writes: message with head, median", Median(messages));
        }
        Replica all = Lab.Open(1);
        Lab.Write(all, Inserts, 10_000);
        Print("W3 log of INSERT(10k) in batches of 10,000", Lab.RunsOf(all).Sum(r => r.Batches.Sum(b => (double)b.Length)));
    }

    private static void Churn()
    {
        const int Churned = 10_000, Overwritten = 100_000;
        EntityKey[] keys = [.. Enumerable.Range(0, Churned).Select(i => new EntityKey("d", "t", $"c{i:D7}"))];
        Print("W7 create and delete, 100 a transaction (per entity)", Measure(Churned, () => Lab.Open(1), r =>
        {
            for (int i = 0; i < Churned; i += 100)
            {
                Transaction made = r.Begin(), gone = r.Begin();
                for (int e = i; e < i + 100; e++) made.Create(keys[e]).Set("name", keys[e].Id).Set("qty", e % 1_000);
                for (int e = i; e < i + 100; e++) gone.Delete(keys[e]);
                Lab.Finish(made.CommitAsync());
                Lab.Finish(gone.CommitAsync());
            }
        }));
        FieldWrite[] writes = FieldWorkload.Updates(5, 100, Overwritten);
        Print("W7 overwrite 1,000 fields, 100 a transaction", Measure(Overwritten, () =>
        {
            Replica replica = Lab.Open(1);
            Lab.Write(replica, FieldWorkload.Inserts(100), 100);
            return replica;
        }, r => Lab.Write(r, writes, 100)));
    }

    private static void WriteFloor(Floor floor, FieldWrite[] writes, int size)
    {
        for (int i = 0; i < writes.Length; i += size) floor.Write(writes.AsSpan(i, size));
    }

    private static Floor LoadedFloor()
    {
        var floor = new Floor(1);
        WriteFloor(floor, Inserts, 100);
        return floor;
    }

    private static List<BatchRun> LoadedRuns()
    {
        Replica writer = Lab.Open(1);
        Lab.Write(writer, Inserts, 100);
        return Lab.RunsOf(writer);
    }

    private static Replica Loaded(int number, List<BatchRun> runs)
    {
        Replica replica = Lab.Open(number);
        Lab.Apply(replica, runs);
        return replica;
    }

    private static double Median(List<int> values) => values.Order().ElementAt(values.Count / 2);

    private static void CheckSum(Replica replica, uint expected) =>
        Check(FieldWorkload.Checksum(Entities, Lab.Reader(replica)) == expected);

    private static void Check(bool isRight)
    {
        if (!isRight) throw new InvalidOperationException("A measured run ended in a wrong state.");
    }
}
