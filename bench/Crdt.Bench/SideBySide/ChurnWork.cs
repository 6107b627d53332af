using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>W7: entities that come and go, and fields that are written over and over.</summary>
internal static class ChurnWork
{
    private const int Churned = 100_000, Overwritten = 1_000_000;

    public static void Run(Rows rows)
    {
        EntityKey[] keys = [.. Enumerable.Range(0, Churned).Select(i => new EntityKey("d", "t", $"e{7 * i:D7}"))];
        Replica? churned = null;
        System.Text.Json.Nodes.JsonObject churn = rows.Time("W7.churn", Churned, () => Lab.Open(1), r =>
        {
            Churn(r, keys);
            churned = r;
        });
        churn["entities"] = Churned;
        List<BatchRun> runs = Lab.RunsOf(churned!);
        Replica server = Whole.Server(runs);
        long empty = new Whole(Whole.Server([])).LengthBytes;
        long before = new Whole(server).LengthBytes;
        churn["bytes"] = before;
        churn["bytesPerDeleted"] = Rows.Round((before - empty) / (double)Churned);
        Talk.Hold(churned!, server);
        Talk.Hold(churned!, server);
        Field.Check(Lab.Finish(server.PurgeAsync()).Purged == Churned);
        long purged = new Whole(server).LengthBytes;
        rows.Add("W7.purged", new() { ["bytes"] = purged, ["bytesPerDeleted"] = Rows.Round((purged - empty) / (double)Churned) });
        FieldWrite[] writes = FieldWorkload.Updates(5, 100, Overwritten);
        Replica? overwritten = null;
        System.Text.Json.Nodes.JsonObject overwrite = rows.Time("W7.overwrite", Overwritten, () =>
        {
            Replica replica = Lab.Open(1);
            Lab.Write(replica, FieldWorkload.Inserts(100), 100);
            return replica;
        }, r =>
        {
            Lab.Write(r, writes, 100);
            overwritten = r;
        });
        overwrite["writes"] = Overwritten;
        overwrite["cells"] = 1_000;
        Replica fresh = Lab.Open(2);
        Lab.Write(fresh, FieldWorkload.Inserts(100), 100);
        long start = new Whole(Lab.RunsOf(fresh)).LengthBytes, end = new Whole(Lab.RunsOf(overwritten!)).LengthBytes;
        overwrite["bytesStart"] = start;
        overwrite["bytes"] = end;
        overwrite["growthPerField"] = Rows.Round((end - start) / 1_000.0);
    }

    private static void Churn(Replica replica, EntityKey[] keys)
    {
        for (int i = 0; i < keys.Length; i += 100)
        {
            Transaction made = replica.Begin(), gone = replica.Begin();
            for (int e = i; e < i + 100; e++) made.Create(keys[e]).Set("name", keys[e].Id).Set("qty", e % 1_000);
            for (int e = i; e < i + 100; e++) gone.Delete(keys[e]);
            Lab.Finish(made.CommitAsync());
            Lab.Finish(gone.CommitAsync());
        }
        Field.Check(replica.Get(keys[0]) is null);
    }
}
