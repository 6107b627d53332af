using System.Diagnostics;
using System.Globalization;
using Crdt.Bench.Workloads;
using Crdt.Store;
using LiteDB;

namespace Crdt.Bench.Quick;

/// <summary>Questions about 100,000 entities in real files, with an index and without one, beside a plain LiteDB that holds the same
/// documents and has an index, too.</summary>
internal static class QueryRun
{
    private const int Entities = 100_000, Rounds = 301, Values = 1_000;

    public static void Run(string root)
    {
        string directory = Path.Combine(root, "queries");
        Replica replica = Open(FileReplicaStore.Create(
            directory, new ReplicaIdentity(Lab.Genesis.Space, Lab.IdOf(1), ReplicaRole.Client)));
        using var lite = new LiteDatabase(Path.Combine(root, "queries.db"));
        ILiteCollection<BsonDocument> documents = lite.GetCollection("d");
        for (int first = 0; first < Entities; first += 1_000)
        {
            Transaction transaction = replica.Begin();
            transaction.Durability = Durability.Relaxed;
            lite.BeginTrans();
            for (int i = first; i < first + 1_000; i++)
            {
                int value = ValueOf(i);
                transaction.Create(KeyOf(i)).Set("value", value).Set("name", $"name {i}").Set("open", i % 2 == 0);
                documents.Insert(new BsonDocument { ["_id"] = KeyOf(i).Id, ["value"] = value, ["name"] = $"name {i}", ["open"] = i % 2 == 0 });
            }
            Lab.Finish(transaction.CommitAsync());
            lite.Commit();
        }
        Lab.Finish(replica.FlushAsync());
        Console.WriteLine($"queries over {Entities} entities of three fields; wall clock, microseconds");
        Measure("query: every entity looked at, no index, 100 found", 3, i => Ask(replica, i).Count(), Entities / Values);
        Measure("plain LiteDB: no index, 100 found", 3, i => documents.Find(LiteDB.Query.EQ("value", i * 7 % Values)).Count(), Entities / Values);
        long start = Stopwatch.GetTimestamp();
        Lab.Finish(replica.EnsureIndexAsync("d", "t", "value"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"making the index, ms",-60} {Stopwatch.GetElapsedTime(start).TotalMilliseconds,8:F0}"));
        start = Stopwatch.GetTimestamp();
        documents.EnsureIndex("value");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"plain LiteDB: making the index, ms",-60} {Stopwatch.GetElapsedTime(start).TotalMilliseconds,8:F0}"));
        Measure("query by index: one value, 100 found", Rounds, i => Ask(replica, i).Count(), Entities / Values);
        Measure("plain LiteDB by index: one value, 100 found", Rounds, i => documents.Find(LiteDB.Query.EQ("value", i * 7 % Values)).Count(), Entities / Values);
        Measure("query by index: the 20 highest", Rounds, _ => replica.Query("d", "t").OrderByDescending("value").Limit(20).Count(), 20);
        Measure("query by index: a range and another condition, 20 of 5,000", Rounds,
            i => replica.Query("d", "t").Where("value BETWEEN @0 AND @1 AND open = true", i * 7 % 900, (i * 7 % 900) + 49).OrderBy("value").Limit(20).Count(), 20);
        Lab.Finish(replica.DisposeAsync());
        replica = Open(FileReplicaStore.Open(directory));
        Measure("query by index: one value, no entity in memory", Rounds, i => Ask(replica, i).Count(), Entities / Values);
        // What was committed and not projected is looked at beside the index.
        Transaction tail = replica.Begin();
        for (int i = 0; i < 1_000; i++) tail.Update(KeyOf(i * 97)).Set("open", true);
        Lab.Finish(tail.CommitAsync());
        Measure("the same value, 1,000 entities not projected yet", Rounds, i => Ask(replica, i).Count(), Entities / Values);
        Lab.Finish(replica.DisposeAsync());
    }

    private static Replica Open(FileReplicaStore store) =>
        Lab.Finish(Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Lab.Genesis }));

    private static EntityQuery Ask(Replica replica, int round) => replica.Query("d", "t").Where("value = @0", round * 7 % Values);

    private static int ValueOf(int entity) => (int)(entity * 7_919L % Values);

    private static EntityKey KeyOf(int entity) => new("d", "t", entity.ToString("D7", CultureInfo.InvariantCulture));

    private static void Measure(string name, int rounds, Func<int, int> ask, int expected)
    {
        var us = new List<double>();
        for (int i = -1; i < rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            int found = ask(i + 1);
            // The first is for the JIT.
            if (i >= 0) us.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            if (found != expected) throw new InvalidOperationException($"{name}: {found} found, {expected} expected.");
        }
        us.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-60} {us[us.Count / 2],8:F0} {us[us.Count * 9 / 10],8:F0} {us[0],8:F0}"));
        Figures.Add(name, "us", us);
    }
}
