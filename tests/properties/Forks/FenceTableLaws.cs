using FsCheck.Fluent;

namespace Crdt.Properties;

public class FenceTableLaws
{
    /// <summary>Whoever told them in whatever order: the smallest place stands.</summary>
    [Fact]
    [Trait("Law", "13")]
    public void Of_several_fences_of_one_replica_the_smallest_stands_in_every_order() => Law.Holds(
        Arb.From(Gen.Choose(1, 9).ArrayOf().Where(p => p.Length > 0), Shrink.Fewer), places =>
        {
            Fence[] fences = [.. places.Select((place, i) => new Fence(
                new ChainHead(Team.IdOf(1), place, new byte[32]), default, new Dot(Team.IdOf(2), i + 1)))];
            foreach (IEnumerable<Fence> order in (IEnumerable<Fence>[])[fences, fences.Reverse(), fences.OrderBy(f => f.Sequence)])
            {
                FenceTable table = order.Aggregate(FenceTable.Empty, (t, f) => t.With([f]));
                Assert.Equal(places.Min(), table.Of(Team.IdOf(1))!.Sequence);
                Assert.True(table.IsBeyond(Team.IdOf(1), places.Min() + 1));
                Assert.False(table.IsBeyond(Team.IdOf(1), places.Min()));
            }
        });

    /// <summary>Servers that fence each other, in circles and beyond each other's fences: what stands is a function of what
    /// was said.</summary>
    [Fact]
    [Trait("Law", "13")]
    [Trait("Spec", "WF-2.16")]
    public void Whoever_fenced_whom_the_same_stands_in_every_order_of_hearing_of_it() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            Fence[] fences = [.. Enumerable.Range(0, random.Next(1, 7)).Select(_ => new Fence(
                new ChainHead(Team.IdOf(random.Next(4)), random.Next(4), new byte[32]), (FenceReason)random.Next(4),
                new Dot(Team.IdOf(random.Next(4)), random.Next(1, 5))))];
            string expected = Describe(FenceTable.From(fences));
            for (int i = 0; i < 4; i++)
            {
                random.Shuffle(fences);
                Assert.Equal(expected, Describe(FenceTable.From(fences)));
                Assert.Equal(expected, Describe(fences.Aggregate(FenceTable.Empty, (t, f) => t.With([f, fences[0]]))));
            }
            // Nobody is fenced by a statement that lies beyond its own author's fence, unless that goes in a circle.
            FenceTable table = FenceTable.From(fences);
            Assert.All(fences.Where(f => fences.All(a => a.Replica != f.By.Replica || a.Sequence >= f.By.Sequence)),
                f => Assert.True(table.Of(f.Replica)!.Sequence <= f.Sequence));
        });

    [Fact]
    [Trait("Spec", "WF-2.16")]
    public void Of_two_that_fence_each_other_the_first_stands()
    {
        ReplicaId a = Team.IdOf(1), b = Team.IdOf(2);
        Fence OfB(long sequence) => new(new ChainHead(b, sequence, new byte[32]), FenceReason.Revoked, new Dot(a, 5));
        Fence OfA(long sequence) => new(new ChainHead(a, sequence, new byte[32]), FenceReason.Revoked, new Dot(b, 5));
        FenceTable circle = FenceTable.From([OfA(4), OfB(4)]);
        Assert.Equal([b], circle.Standing.Select(f => f.Replica));
        Assert.Equal([a], FenceTable.From([OfA(4), OfB(5)]).Standing.Select(f => f.Replica).Where(r => r == a));
        Assert.Equal([a, b], FenceTable.From([OfA(5), OfB(5)]).Standing.Select(f => f.Replica).Order());
        // Nobody ends its own log before what says so.
        Assert.Empty(FenceTable.From([new(new ChainHead(a, 4, new byte[32]), default, new Dot(a, 5))]).Standing);
    }

    private static string Describe(FenceTable table) => string.Join('\n', table.Standing.OrderBy(f => f.Replica)
        .Select(f => $"{f.Replica} {f.Sequence}")) + $" {table.Known.Count}";
}
