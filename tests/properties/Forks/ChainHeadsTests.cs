namespace Crdt.Properties;

/// <summary>Which heads of a log are told where two logs of one author are compared.</summary>
public class ChainHeadsTests
{
    private static readonly ReplicaId Author = Team.IdOf(7);

    [Theory]
    [Trait("Spec", "WF-4.14")]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(5_000)]
    [InlineData(1_000_000)]
    public void A_long_chain_is_told_by_its_newest_heads_and_ever_fewer_of_the_older(int count)
    {
        List<ChainHead> heads = [.. Enumerable.Range(1, count).Select(i => new ChainHead(Author, i, new byte[32]))];
        IReadOnlyList<ChainHead> told = ChainHeads.Thin(heads);
        Assert.InRange(told.Count, Math.Min(count, 256), ChainMessage.HeadsMax);
        Assert.Equal(heads.TakeLast(256), told.TakeLast(256));
        Assert.Equal(told.OrderBy(h => h.Sequence).DistinctBy(h => h.Sequence), told);
        long[] gaps = [.. told.Zip(told.Skip(1)).Select(p => p.Second.Sequence - p.First.Sequence)];
        Assert.Equal(gaps.OrderDescending(), gaps);
        // Of a thousand times as many heads still some of the first half are told.
        Assert.True(told[0].Sequence <= Math.Max(1, count / 2), $"The first that is told is {told[0].Sequence}.");
    }
}
