using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

public sealed class BackoffTests
{
    private static readonly TimeSpan Min = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(30);

    [Fact]
    public void Waits_grow_to_the_cap_stay_within_the_bounds_and_stay_random_at_the_cap()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var backoff = new Backoff(Min, Max, new Random(seed));
            TimeSpan[] waits = [.. Enumerable.Range(0, 60).Select(_ => backoff.Next())];
            Assert.All(waits, wait => Assert.InRange(wait, Min, Max));
            Assert.InRange(waits[0], Min, 3 * Min);
            Assert.True(waits[15] > Max * 0.2, $"{waits[15]}");
            Assert.All(waits[30..], wait => Assert.InRange(wait, Max * 0.8, Max));
            Assert.Equal(waits.Length, waits.Distinct().Count());
        }
    }

    [Fact]
    public void Those_who_lost_a_peer_together_do_not_come_back_together()
    {
        TimeSpan[] first = [.. Enumerable.Range(0, 100).Select(seed => new Backoff(Min, Max, new Random(seed)).Next())];
        Assert.True(first.Max() - first.Min() > Min);
        Assert.True(first.Distinct().Count() > 95);
    }

    [Fact]
    public void A_reset_makes_the_next_wait_short_again()
    {
        var backoff = new Backoff(Min, Max, new Random(1));
        for (int i = 0; i < 50; i++)
            backoff.Next();
        backoff.Reset();
        Assert.InRange(backoff.Next(), Min, 3 * Min);
    }
}
