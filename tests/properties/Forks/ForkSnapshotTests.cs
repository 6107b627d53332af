namespace Crdt.Properties;

/// <summary>Forks and fences together with snapshots, and with logs whose beginning was dropped.</summary>
public class ForkSnapshotTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    /// <summary>Two logs of device 1 from sequence 2 on: one with device 0, the other with device 1 itself.</summary>
    private static async Task<(Team Team, ReplicaId Forked)> ForkAsync(bool isKeyed = false)
    {
        Team team = await Team.CreateAsync(new TeamOptions { Devices = 3, Servers = 1, IsKeyed = isKeyed });
        await team[1].CommitAsync(tx => tx.Create(E).Set("x", 0));
        await team.MeetAllAsync();
        ReplicaId forked = team[1].Id;
        IReplicaStore backup = await team.CopyAsync(1);
        await team[1].CommitAsync(tx => tx.Update(E).Set("first", 1).Increment("n"));
        await team.MeetAsync(1, 0);
        await team.RestoreAsync(1, backup);
        return (team, forked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Spec", "WF-8.4")]
    [Trait("Law", "13")]
    public async Task A_snapshot_of_another_log_than_the_longer_one_that_is_held_is_not_joined(bool isKeyed)
    {
        (Team team, ReplicaId forked) = await ForkAsync(isKeyed);
        await using Team _ = team;
        // Device 2 holds three more of the one log; the server has a snapshot with one more of the other.
        await team[0].CommitAsync(tx => tx.Create(new("d", "t", "other")));
        await team.MeetAsync(0, 2);
        await team[1].CommitAsync(tx => tx.Update(E).Set("second", 2));
        await team.MeetAsync(1, 3);
        await team[3].CommitAsync(tx => tx.Create(new("d", "t", "server's")));
        await team[3].TakeSnapshotAsync();
        SnapshotManifest manifest = team[3].Writer.Snapshots.ReadManifest(team[3].Snapshots[^1]);
        string before = await World.DumpAsync(team[2]);
        var error = await Assert.ThrowsAsync<ApplyException>(() => team[2].ConsiderAsync(manifest, default).AsTask());
        Assert.Equal((ApplyError.SnapshotForked, forked), (error.Error, error.Author));
        Assert.Equal(before, await World.DumpAsync(team[2]));
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        await EqualAsync(team);
    }

    [Fact]
    [Trait("Spec", "WF-8.4")]
    [Trait("Law", "13")]
    public async Task A_snapshot_at_a_lower_sequence_of_another_log_is_noticed()
    {
        (Team team, ReplicaId forked) = await ForkAsync();
        await using Team _ = team;
        await team[0].CommitAsync(tx => tx.Create(new("d", "t", "other")));
        await team[1].CommitAsync(tx => tx.Update(E).Set("second", 2));
        await team.MeetAsync(1, 3);
        await team[3].TakeSnapshotAsync();
        SnapshotManifest manifest = team[3].Writer.Snapshots.ReadManifest(team[3].Snapshots[^1]);
        // The same device goes on in its first life, elsewhere.
        await team[1].CommitAsync(tx => tx.Update(E).Set("third", 3));
        await team.MeetAsync(1, 2);
        Assert.Equal(3, team[2].Vector[forked]);
        Assert.Equal(0, await team[2].ConsiderAsync(manifest, default));
        var error = await Assert.ThrowsAsync<ApplyException>(() => team[0].ConsiderAsync(manifest, default).AsTask());
        Assert.Equal((ApplyError.SnapshotForked, forked), (error.Error, error.Author));
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        await EqualAsync(team);
    }

    [Fact]
    [Trait("Spec", "WF-8.4")]
    [Trait("Law", "13")]
    public async Task A_snapshot_that_includes_what_a_fence_cut_off_is_declined_and_the_session_goes_on()
    {
        await using Team team = await Team.CreateAsync(2, servers: 2);
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        ReplicaId retired = team[0].Id;
        await team[2].FenceAsync(retired, FenceReason.Retired);
        await team.MeetAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Update(E).Set("late", 1));
        await team.MeetAsync(0, 3);
        await team[3].TakeSnapshotAsync();
        SnapshotManifest manifest = team[3].Writer.Snapshots.ReadManifest(team[3].Snapshots[^1]);
        var error = await Assert.ThrowsAsync<ApplyException>(() => team[1].ConsiderAsync(manifest, default).AsTask());
        Assert.Equal((ApplyError.Fenced, retired), (error.Error, error.Author));
        // The server cannot do without its snapshot any more: the log before it is gone.
        await team[3].PruneAsync();
        await team[3].CommitAsync(tx => tx.Create(new("d", "t", "2")));
        await team.MeetAsync(1, 3);
        await team.MeetAsync(2, 3);
        await team[1].CommitAsync(tx => tx.Create(new("d", "t", "3")));
        await team.MeetAsync(1, 3);
        Assert.NotNull(team[3].Get(new("d", "t", "3")));
        Assert.NotNull(team[2].Get(new("d", "t", "2")));
    }

    [Fact]
    [Trait("Spec", "WF-8.2")]
    [Trait("Law", "11")]
    [Trait("Law", "13")]
    public async Task A_snapshot_names_what_a_fence_has_cut_off_and_a_newcomer_reads_it()
    {
        await using Team team = await Team.CreateAsync(2, 1, ("d/t/x", ConflictPolicy.Manual));
        await team[1].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        // Device 0 wrote nothing that counts: its log has no head in any snapshot.
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "cut off"));
        await team.MeetAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", "seen"));
        await team[2].FenceAsync(team[0].Id, FenceReason.Retired);
        await team.MeetAsync(1, 2);
        await team[2].TakeSnapshotAsync();
        Assert.Equal(PruneOutcome.Pruned, (await team[2].PruneAsync()).Outcome);
        await team.AddAsync();
        await team.MeetAsync(2, 3);
        Assert.Equal(await World.DumpAsync(team[2]), await World.DumpAsync(team[3]));
        await team[3].FlushAsync();
        await team.ReopenAsync(3);
        Assert.Equal(await World.DumpAsync(team[2]), await World.DumpAsync(team[3]));
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        await EqualAsync(team);
    }

    [Fact]
    [Trait("Law", "11")]
    [Trait("Law", "13")]
    public async Task A_log_is_dropped_past_what_a_fence_has_cut_off_and_that_is_still_kept_aside()
    {
        (Team team, ReplicaId forked) = await ForkAsync();
        await using Team _ = team;
        await team[1].CommitAsync(tx => tx.Update(E).Set("second", 2).Increment("n", 2));
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        Assert.Equal(1, Assert.Single(team[3].Fences).Sequence);
        Snapshot behind = await team[3].TakeSnapshotAsync();
        foreach (Replica device in team.Replicas) device.RequestSnapshot();
        await team.MeetAllAsync();
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(PruneOutcome.Pruned, (await replica.PruneAsync()).Outcome);
            Assert.Equal(behind.Vector, replica.PrunedTo);
            Assert.All(replica.SetAside, a => Assert.True(a.Position >= replica.Store.LogStart));
            Assert.DoesNotContain(replica.Store.ReadLog(default),
                l => l.Entry.Kind == LogEntryKind.Batch && replica.Writer.Fences.IsVoid(l.Entry));
        }
        await EqualAsync(team);
        // That one of them was written again already went with the log: it comes out the same, and counts once.
        Assert.Equal(2, await team[2].ReissueAsync(forked));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"first":1,"n":3,"second":2,"x":0}""", r.Get(E)!.ToJson()));
        await EqualAsync(team);
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task What_is_cut_off_behind_a_floor_is_kept_aside_from_the_floors_head()
    {
        await using Team team = await Team.CreateAsync(3, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        await team[3].TakeSnapshotAsync();
        foreach (Replica device in team.Replicas) device.RequestSnapshot();
        await team.MeetAllAsync();
        foreach (Replica replica in team.Replicas) Assert.Equal(PruneOutcome.Pruned, (await replica.PruneAsync()).Outcome);
        ReplicaId retired = team[0].Id;
        await team[0].CommitAsync(tx => tx.Update(E).Set("late", 1));
        await team.MeetAsync(0, 1);
        await team[3].FenceAsync(retired, FenceReason.Retired);
        await team.MeetAsync(3, 1);
        Assert.Single(team[1].SetAside);
        await team.MeetAsync(1, 2);
        Assert.Single(team[2].SetAside);
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"late":1}""", r.Get(E)!.ToJson()));
        await EqualAsync(team);
    }

    /// <summary>Who holds the other log keeps it, and is cut off from nobody else.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task A_server_below_whose_floor_two_logs_part_ends_the_log_at_its_floor()
    {
        (Team team, ReplicaId forked) = await ForkAsync();
        await using Team _ = team;
        await team.MeetAsync(0, 3);
        Assert.Equal(2, team[3].Vector[forked]);
        await team[3].TakeSnapshotAsync();
        Assert.Equal(PruneOutcome.Pruned, (await team[3].PruneAsync()).Outcome);
        await team[1].CommitAsync(tx => tx.Update(E).Set("second", 2));
        await team[1].CommitAsync(tx => tx.Update(E).Set("third", 3));
        await team.MeetAsync(1, 2);
        await team.MeetAsync(2, 3);
        await team.MeetAsync(1, 3);
        await team[0].CommitAsync(tx => tx.Create(new("d", "t", "other")));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.NotNull(r.Get(new("d", "t", "other"))));
        Fence fence = Assert.Single(team[3].Fences);
        Assert.Equal((forked, 2L, FenceReason.Forked), (fence.Replica, fence.Sequence, fence.Reason));
        Assert.Equal(1, team[3].Get(E)!.GetInteger("first"));
    }

    private static async Task EqualAsync(Team team)
    {
        string expected = await World.DumpAsync(team[0]);
        for (int i = 0; i < team.Replicas.Count; i++)
        {
            Assert.Equal(team[0].Vector, team[i].Vector);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
            Assert.Empty(team[i].Forks);
            await team.ReopenAsync(i);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
        }
    }
}
