using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>W4: five replicas with the same state each write, then take what the others wrote.</summary>
internal static class MergeWork
{
    private const int Replicas = 5;

    public static void Run(Rows rows)
    {
        FieldWrite[][] writes = [.. Enumerable.Range(0, Replicas).Select(i => FieldWorkload.Updates(10 + i, Field.Entities, Field.UpdateCount))];
        long deltaBytes = 0;
        Replica? last = null;
        System.Text.Json.Nodes.JsonObject row = rows.Time("W4.merge", Replicas * Field.UpdateCount, () =>
        {
            Replica[] all = [.. Enumerable.Range(0, Replicas).Select(i => Field.Load(i + 2))];
            for (int i = 0; i < Replicas; i++) Lab.Write(all[i], writes[i], 100);
            return all;
        }, all =>
        {
            List<BatchRun>[] news = [.. all.Select(Lab.RunsOf)];
            for (int from = 0; from < Replicas; from++)
            {
                for (int to = 0; to < Replicas; to++)
                {
                    if (from != to) Lab.Apply(all[to], news[from]);
                }
            }
            deltaBytes = news.Sum(n => n.Sum(r => r.Batches.Sum(b => (long)b.Length)));
            last = all[0];
        }, all =>
        {
            uint first = Field.Sum(all[0]);
            Field.Check(all.All(r => Field.Sum(r) == first));
        });
        row["deltaBytes"] = deltaBytes;
        Replica server = Whole.Server(Field.LoadedRuns);
        Lab.Apply(server, Lab.AllRunsOf(last!));
        row["finalBytes"] = new Whole(server).LengthBytes;
    }
}
