using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Marks are joined by union, also where two servers contradict each other.</summary>
public class MarkLaws
{
    [Fact]
    [Trait("Law", "3")]
    public void Joining_marks_commutes_associates_and_is_idempotent_whatever_they_say() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var replicas = new ReplicaTable();
            for (int i = 0; i < 3; i++) replicas.GetOrAdd(Team.IdOf(3 - i));
            SiblingMarks a = Any(random, replicas), b = Any(random, replicas), c = Any(random, replicas);
            SiblingMarks ab = SiblingMarks.Union(a, b, replicas);
            Assert.Equal(Describe(ab), Describe(SiblingMarks.Union(b, a, replicas)));
            Assert.Equal(Describe(SiblingMarks.Union(ab, c, replicas)),
                Describe(SiblingMarks.Union(a, SiblingMarks.Union(b, c, replicas), replicas)));
            Assert.Equal(Describe(ab), Describe(SiblingMarks.Union(ab, b, replicas)));
            Assert.Equal(Describe(a), Describe(SiblingMarks.Union(null, a, replicas)));
            Assert.True(SiblingMarks.Includes(ab, ab) && !SiblingMarks.Includes(null, a));
            // Whoever says nothing new changes nothing.
            if (SiblingMarks.Includes(a, b)) Assert.Equal(Describe(a), Describe(ab));
        });

    private static SiblingMarks Any(Random random, ReplicaTable replicas)
    {
        LocalDot Dot(int sequences) => new(random.Next(3), random.Next(1, sequences), ReplicaRole.Client);
        RestoredSibling[] restored = [.. Enumerable.Range(0, random.Next(4)).Select(_ => new RestoredSibling(
            Dot(3), new HybridTimestamp((ulong)random.Next(1, 3)), new HybridTimestamp((ulong)random.Next(2)), random.Next(2) == 0,
            random.Next(3), random.Next(2) == 0 ? [] : [Dot(9)])).DistinctBy(r => r.Dot.Identity)];
        Array.Sort(restored, (x, y) => replicas.CompareDots(x.Dot, y.Dot));
        return new SiblingMarks(random.Next(2) == 0,
            [.. Enumerable.Range(0, random.Next(3)).Select(_ => (RefusalCode)random.Next(4)).Distinct().Order()], restored);
    }

    private static string Describe(SiblingMarks marks) => $"{marks.IsLost} {string.Join(',', marks.Codes)} "
        + string.Join(' ', marks.Restored.Select(r => $"{r.Dot} {r.Timestamp} {r.Claim} {r.IsLost} {r.Value.ToJson()} {r.Replaced.Length}"));
}
