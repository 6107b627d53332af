using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Merging version vectors is a join: commutative, associative, idempotent, the least that covers both.</summary>
[Trait("Law", "3")]
public class VersionVectorLaws
{
    private static readonly Arbitrary<VersionVector[]> Three = Arb.From(
        (from replica in Gen.Choose(1, 5) from sequence in Gen.Choose(0, 4) select new Dot(Team.IdOf(replica), sequence))
        .ArrayOf().Select(VersionVector.From).ArrayOf(3));

    [Fact]
    public void Merging_is_a_join() => Law.Holds(Three, vectors =>
    {
        (VersionVector a, VersionVector b, VersionVector c) = (vectors[0], vectors[1], vectors[2]);
        Assert.Equal(a.Merge(b), b.Merge(a));
        Assert.Equal(a.Merge(b).Merge(c), a.Merge(b.Merge(c)));
        Assert.Equal(a, a.Merge(a));
        Assert.Equal(a, a.Merge(VersionVector.Empty));
        Assert.True(a.Merge(b).Covers(a) && a.Merge(b).Covers(b));
        if (c.Covers(a) && c.Covers(b)) Assert.True(c.Covers(a.Merge(b)));
        Assert.Equal(a.Covers(b), a.Merge(b).Equals(a));
        Assert.Equal(a.Merge(b).GetHashCode(), b.Merge(a).GetHashCode());
    });

    [Fact]
    public void A_vector_tells_the_highest_sequence_of_each_and_enumerates_in_order() => Law.Holds(Three, vectors =>
    {
        foreach (VersionVector vector in vectors)
        {
            Assert.Equal(vector.Select(d => d.Replica).Order(), vector.Select(d => d.Replica));
            Assert.All(vector, dot => Assert.True(dot.Sequence > 0));
            for (int replica = 1; replica <= 5; replica++)
            {
                long highest = vector[Team.IdOf(replica)];
                Assert.Equal(vector.Where(d => d.Replica == Team.IdOf(replica)).Select(d => d.Sequence).FirstOrDefault(), highest);
                Assert.True(vector.Covers(new Dot(Team.IdOf(replica), highest)));
                Assert.False(vector.Covers(new Dot(Team.IdOf(replica), highest + 1)));
            }
        }
    });

    [Fact]
    public void A_negative_sequence_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(
        () => VersionVector.From([new Dot(Team.IdOf(1), -1)]));
}
