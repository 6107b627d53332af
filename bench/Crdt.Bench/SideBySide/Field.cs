using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>What the workloads begin with: sizes, checked end states, loaded replicas.</summary>
internal static class Field
{
    public const int Entities = 10_000, Fields = 10 * Entities, UpdateCount = 20_000;
    public const uint InsertedSum = 790_148_903, UpdatedSum = 1_120_306_297;

    private static readonly Lazy<FieldWrite[]> InsertWrites = new(() => FieldWorkload.Inserts(Entities));

    private static readonly Lazy<List<BatchRun>> Loaded = new(() =>
    {
        Replica writer = Lab.Open(1);
        Lab.Write(writer, Inserts, 100);
        return Lab.RunsOf(writer);
    });

    public static FieldWrite[] Inserts => InsertWrites.Value;

    /// <summary>What somebody else wrote: all the inserts.</summary>
    public static List<BatchRun> LoadedRuns => Loaded.Value;

    public static Replica Load(int number) => Load(number, LoadedRuns);

    public static Replica Load(int number, IEnumerable<BatchRun> runs)
    {
        Replica replica = Lab.Open(number);
        Lab.Apply(replica, runs);
        return replica;
    }

    public static void CheckSum(Replica replica, uint expected, int entities = Entities) =>
        Check(FieldWorkload.Checksum(entities, Lab.Reader(replica)) == expected);

    public static uint Sum(Replica replica, int entities = Entities) => FieldWorkload.Checksum(entities, Lab.Reader(replica));

    public static void Check(bool isRight)
    {
        if (!isRight) throw new InvalidOperationException("A measured run ended in a wrong state.");
    }
}
