using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>W2: an empty replica takes everything at once, as a snapshot, and in a thousand batches.</summary>
internal static class ApplyWork
{
    public static void Run(Rows rows)
    {
        var whole = new Whole(Field.LoadedRuns);
        rows.Time("W2.big", Field.Fields, () => Lab.Open(2), whole.Join, r => Field.CheckSum(r, Field.InsertedSum))["bytes"] = whole.LengthBytes;
        rows.Time("W2.bigRead", Field.Fields, () => Lab.Open(2), r =>
        {
            whole.Join(r);
            ReadAll(r);
        });
        rows.Time("W2.inc", Field.Fields, () => Lab.Open(2), r => Lab.Apply(r, Field.LoadedRuns), r => Field.CheckSum(r, Field.InsertedSum))["bytes"] =
            Field.LoadedRuns.Sum(r => r.Batches.Sum(b => (long)b.Length));
        Replica single = Lab.Open(1);
        Lab.Write(single, Field.Inserts, 1);
        List<BatchRun> ones = Lab.RunsOf(single);
        rows.Time("W2.inc.tx1", Field.Fields, () => Lab.Open(2), r => Lab.Apply(r, ones), r => Field.CheckSum(r, Field.InsertedSum));
        Replica loaded = Field.Load(2);
        rows.Time("read.all", Field.Fields, () => loaded, ReadAll);
    }

    /// <summary>Every field of every entity.</summary>
    public static void ReadAll(Replica replica) => ReadAll(replica, Field.Entities);

    public static void ReadAll(Replica replica, int entities)
    {
        int found = 0;
        for (int e = 0; e < entities; e++)
        {
            Entity entity = replica.Get(FieldWorkload.Key(e))!;
            foreach (string name in FieldWorkload.FieldNames)
            {
                if (entity[name] is not null) found++;
            }
        }
        Field.Check(found == 10 * entities);
    }
}
