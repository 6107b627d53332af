using Crdt.Bench.SideBySide;
using Crdt.Bench.Workloads;
using static Crdt.Bench.Quick.Meter;
using static Crdt.Bench.SideBySide.Field;

namespace Crdt.Bench.Quick;

/// <summary>The figures that tell whether a change made things faster or slower, in less than a minute. Every row
/// checks its result first.</summary>
internal static class QuickRun
{
    private static readonly FieldWrite[] Updates = FieldWorkload.Updates(2, Entities, UpdateCount);

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
            Print($"W1 update, {size}/tx", Measure(
                Updates.Length, () => Load(7), r => Lab.Write(r, Updates, size),
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
        Print("snapshot: take (per field)", Measure(Inserts.Length, () => Whole.Server(LoadedRuns), r =>
            Lab.Finish(r.TakeSnapshotAsync())));
        var whole = new Whole(LoadedRuns);
        Print("snapshot: join by a newcomer (per field)", Measure(
            Inserts.Length, () => Lab.Open(2), whole.Join, r => CheckSum(r, InsertedSum)));
        Print("snapshot: join by one that holds the other half (per field)", Measure(
            Inserts.Length, () => Load(2, LoadedRuns[..(LoadedRuns.Count / 2)]), whole.Join, r => CheckSum(r, InsertedSum)));
        Print($"   its bytes per field, times 100 ({whole.ChunkCount} chunks)", whole.LengthBytes * 100.0 / Inserts.Length);
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
        Replica loaded = Load(7);
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
        Print("digest of a new state (per sibling)", Measure(11 * Entities, () => Load(7), r =>
            Lab.Finish(r.ComputeDigestAsync(CancellationToken.None))));
    }

    private static void Delta()
    {
        foreach ((int size, int count) in SizeWork.Deltas)
        {
            (double batch, double message, double session) = SizeWork.MeasureDelta(size, count);
            Print($"W3 delta of {size} writes: batch, median", batch);
            Print($"W3 delta of {size} writes: message with head, median", message);
            Print($"W3 delta of {size} writes: the same on an open session", session);
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
}
