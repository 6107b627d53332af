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
}
