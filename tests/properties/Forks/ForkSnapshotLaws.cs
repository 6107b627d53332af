namespace Crdt.Properties;

/// <summary>Law 13 over generated lives in which servers make snapshots and everybody drops the log behind them, while
/// devices are backed up, restored, cloned and retired.</summary>
public class ForkSnapshotLaws
{
    private const int Cases = 1_000;

    /// <summary>Who holds another log than the one that a floor stands on meets a server in the end, whose snapshot tells the one that
    /// counts. Apart stays only whose state stands on a snapshot that a later fence made void, and where what would prove a fork was dropped:
    /// that is checked, and that nothing is lost.</summary>
    [Fact]
    [Trait("Law", "11")]
    [Trait("Law", "13")]
    [Trait("Law", "14")]
    public void With_snapshots_and_logs_dropped_behind_them_everybody_holds_the_same_and_nothing_is_lost() =>
        Law.Holds(ForkLife.WithSnapshots, life => ForkLaws.LiveAsync(life, mayBeApart: true), Cases);

    /// <summary>Between it and the server stand only such that hold no snapshot. Found among 20,000 lives.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task Whose_log_a_floor_does_not_stand_on_learns_the_one_that_counts_when_it_meets_the_server() =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(1, IsKeyed: false, IsProjecting: false,
        [
            new(ForkEvent.BackUp, 0, 0), new(ForkEvent.Write, 4, 1), new(ForkEvent.Restore, 2, 4), new(ForkEvent.Meet, 1, 3),
            new(ForkEvent.TakeSnapshot, 3, 5), new(ForkEvent.Write, 4, 2), new(ForkEvent.Prune, 3, 0),
        ]), mayBeApart: true));

    /// <summary>A snapshot has gone round, or a log was dropped behind it, before the fence comes that ends the author's log within it. What
    /// remains: about that author alone they stay apart. Found among 20,000 lives.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task Whose_state_stands_on_what_a_later_fence_cuts_off_is_apart_about_that_author_alone()
    {
        await ForkLaws.LiveAsync(new ForkLife(1, IsKeyed: false, IsProjecting: false,
        [
            new(ForkEvent.Clone, 5, 0), new(ForkEvent.Clone, 2, 3), new(ForkEvent.BackUp, 5, 4), new(ForkEvent.Write, 5, 4),
            new(ForkEvent.Write, 2, 4), new(ForkEvent.Restore, 4, 2), new(ForkEvent.TakeSnapshot, 3, 5), new(ForkEvent.Fence, 2, 4),
        ]), mayBeApart: true);
        await ForkLaws.LiveAsync(new ForkLife(2, IsKeyed: false, IsProjecting: false,
        [
            new(ForkEvent.Clone, 2, 2), new(ForkEvent.Write, 5, 0), new(ForkEvent.MeetShortly, 4, 5), new(ForkEvent.Meet, 5, 3),
            new(ForkEvent.TakeSnapshot, 3, 2), new(ForkEvent.Prune, 3, 5), new(ForkEvent.Write, 2, 2), new(ForkEvent.Meet, 2, 4),
        ]), mayBeApart: true);
    }

    /// <summary>The server dropped what leads to the head that it holds; the other log passes that place within a run, where nothing is
    /// signed. What remains: no fence ends either. Found at seed 10572776956133050025,5478304441252736489,18.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task Where_what_would_prove_a_fork_was_dropped_it_stays_open_and_nothing_is_lost() =>
        await ForkLaws.LiveAsync(new ForkLife(1, IsKeyed: true, IsProjecting: false,
        [
            new(ForkEvent.BackUp, 2, 4), new(ForkEvent.Write, 2, 5), new(ForkEvent.Restore, 0, 4), new(ForkEvent.Write, 2, 4),
            new(ForkEvent.Write, 2, 5), new(ForkEvent.TakeSnapshot, 3, 5), new(ForkEvent.Prune, 3, 0),
        ]), mayBeApart: true);

    /// <summary>A server makes a snapshot, hears of a fence that cuts off some of what is in it, and drops its log before another
    /// one: opened again, it is to do without its own. Found at seed 18104289094386314154,6967581619169731255,3.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task A_snapshot_of_ones_own_that_a_fence_made_void_stays_void_behind_a_floor()
    {
        await using Team team = await Team.CreateAsync(1, servers: 2);
        EntityKey key = new("d", "t", "1");
        await team[0].CommitAsync(tx => tx.Create(key));
        await team.MeetAllAsync();
        await team[1].FenceAsync(team[0].Id, FenceReason.Retired);
        await team[1].TakeSnapshotAsync();
        await team[0].CommitAsync(tx => tx.Update(key).Increment("n"));
        await team.MeetAsync(0, 2);
        // What the other snapshot does not include stays in the log, and what stands behind it.
        await team[2].CommitAsync(tx => tx.Create(new EntityKey("d", "t", "2")));
        await team[2].TakeSnapshotAsync();
        team[2].RequestSnapshot();
        await team.MeetAllAsync();
        Assert.Equal(PruneOutcome.Pruned, (await team[2].PruneAsync()).Outcome);
        Assert.Equal(team[1].Id, team[2].Writer.Snapshots.Basis!.Maker);
        Assert.Contains(team[2].Store.ReadLog(default), l => l.Entry.Kind == LogEntryKind.Snapshot && l.Entry.Author == team[2].Id);
        string expected = await World.DumpAsync(team[1]);
        await team.ReopenAsync(2);
        Assert.Equal(expected, await World.DumpAsync(team[2]));
        Assert.Equal(1, team[2].Get(key)!.GetCounter("n"));
    }

    /// <summary>A copy wrote otherwise than what a snapshot includes, whose log is gone: the snapshot tells what led to it, and
    /// the copy gives its log up. Found at seed 17746613796880784036,12805550829761078309,8.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Law", "1")]
    [Trait("Law", "13")]
    public async Task A_log_that_is_shorter_than_a_snapshots_and_another_one_is_noticed_and_written_again(bool isKeyed) =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(1, isKeyed, IsProjecting: false,
        [
            new(ForkEvent.Clone, 1, 1), new(ForkEvent.Clone, 1, 2), new(ForkEvent.Write, 5, 4), new(ForkEvent.Write, 4, 5),
            new(ForkEvent.Write, 5, 5), new(ForkEvent.MeetShortly, 2, 5), new(ForkEvent.Meet, 3, 2),
            new(ForkEvent.TakeSnapshot, 3, 3), new(ForkEvent.Prune, 3, 3),
        ])));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Law", "13")]
    public async Task Who_holds_another_log_than_a_servers_floor_begins_anew_and_writes_its_own_again(bool isProjecting) =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(1, IsKeyed: false, isProjecting,
        [
            new(ForkEvent.BackUp, 1, 2), new(ForkEvent.Write, 1, 3), new(ForkEvent.Restore, 2, 4), new(ForkEvent.TakeSnapshot, 3, 4),
            new(ForkEvent.Write, 1, 5), new(ForkEvent.Prune, 3, 0),
        ])));

    /// <summary>What was written upon the log that is given up names its dots: it goes to others behind the snapshot that brings
    /// the log that counts, and has the same effect on all.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Law", "1")]
    [Trait("Law", "13")]
    public async Task What_was_written_upon_a_log_that_is_given_up_is_passed_on_behind_the_snapshot(bool isKeyed) =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(1, isKeyed, IsProjecting: false,
        [
            new(ForkEvent.BackUp, 5, 2), new(ForkEvent.Write, 1, 1), new(ForkEvent.Restore, 3, 4), new(ForkEvent.TakeSnapshot, 3, 4),
            new(ForkEvent.Clone, 5, 5), new(ForkEvent.Write, 4, 0), new(ForkEvent.Prune, 3, 5), new(ForkEvent.Meet, 0, 4),
            new(ForkEvent.Write, 3, 1), new(ForkEvent.Meet, 5, 3),
        ])));

    [Fact]
    [Trait("Law", "14")]
    public async Task A_restored_backup_that_a_snapshot_goes_on_from_is_no_fork() =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(1, IsKeyed: true, IsProjecting: false,
        [
            new(ForkEvent.Write, 2, 2), new(ForkEvent.BackUp, 2, 1), new(ForkEvent.Write, 2, 1), new(ForkEvent.Restore, 1, 0),
            new(ForkEvent.TakeSnapshot, 3, 5), new(ForkEvent.Prune, 3, 5),
        ])));

    /// <summary>One server retires a device, another one that has not heard of it holds more: it drops nothing that the first one
    /// might cut off.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task A_server_drops_nothing_that_another_one_is_not_known_to_hold()
    {
        await using Team team = await Team.CreateAsync(1, servers: 2);
        EntityKey key = new("d", "t", "1");
        await team[0].CommitAsync(tx => tx.Create(key));
        await team.MeetAllAsync();
        await team[1].FenceAsync(team[0].Id, FenceReason.Retired);
        await team[0].CommitAsync(tx => tx.Update(key).Set("late", 1));
        await team.MeetAsync(0, 2);
        await team[2].TakeSnapshotAsync();
        Assert.Equal(PruneOutcome.Awaited, (await team[2].PruneAsync()).Outcome);
        await team.MeetAllAsync();
        await team[2].TakeSnapshotAsync();
        await team.MeetAllAsync();
        Assert.Equal(PruneOutcome.Pruned, (await team[2].PruneAsync()).Outcome);
        Assert.All(team.Replicas, r => Assert.Equal("""{"late":1}""", r.Get(key)!.ToJson()));
    }

    /// <summary>What the server wrote stands in its snapshot alone, which includes another log than the device's: the device asks
    /// for it none the less. Found at seed 6418345959942637273,71061529858191717,10.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task Who_waits_for_what_stands_in_a_snapshot_of_another_log_asks_for_that() =>
        Assert.True(await ForkLaws.LiveAsync(new ForkLife(1, IsKeyed: false, IsProjecting: false,
        [
            new(ForkEvent.BackUp, 1, 1), new(ForkEvent.Write, 5, 5), new(ForkEvent.Restore, 0, 0), new(ForkEvent.Fence, 1, 1),
            new(ForkEvent.TakeSnapshot, 3, 2), new(ForkEvent.Prune, 3, 1), new(ForkEvent.Write, 5, 1),
        ])));
}
