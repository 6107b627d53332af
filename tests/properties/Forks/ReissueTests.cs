namespace Crdt.Properties;

/// <summary>What a fence cut off is written again, whatever it was.</summary>
[Trait("Law", "13")]
public class ReissueTests
{
    private static readonly EntityKey E = new("d", "t", "1"), F = new("d", "t", "2");

    [Fact]
    public async Task Removals_claims_counters_and_transactions_of_a_second_life_are_written_again()
    {
        await using Team team = await Team.CreateAsync(3, 1, ("d/t/seat", ConflictPolicy.FirstWriteWins), ("d/t/note", ConflictPolicy.Manual));
        await team[1].CommitAsync(tx => tx.Create(E).Set("kept", 1).Set("gone", 1).Add("tags", "old").Increment("n", 4).Increment("most", -10));
        await team[0].CommitAsync(tx => tx.Create(F).Set("x", "there"));
        await team.MeetAllAsync();
        await SplitAsync(team, 1, async device =>
        {
            await device.CommitAsync(tx =>
            {
                tx.Update(E).Set("seat", "mine").Remove("gone").Discard("tags", "old").Add("tags", "new").Increment("n", 3);
                tx.Update(F).Set("x", "changed").Set("note", "first");
                tx.Create(new EntityKey("d", "t", "3")).Set("y", 1);
            });
            await device.CommitAsync(tx => tx.Update(F).Set("note", "second").Increment("n", 5));
            await device.CommitAsync(tx => tx.Update(F).Remove("note").Increment("n", -5));
            await device.CommitAsync(tx => tx.Delete(new EntityKey("d", "t", "3")));
            await device.CommitAsync(tx => tx.Update(E).Increment("most", long.MaxValue));
            await device.CommitAsync(tx => tx.Update(E).Increment("most", 10));
        });
        Assert.All(team.Replicas, r =>
        {
            // Each increment stands by itself: none is lost where together they would leave 64 bits.
            Assert.Equal((Int128)long.MaxValue, r.Get(E)!.GetCounter("most"));
            Assert.Equal(("mine", 7L), (r.Get(E)!.GetString("seat"), (long)r.Get(E)!.GetCounter("n")));
            Assert.Null(r.Get(E)!.GetInteger("gone"));
            Assert.Equal(["new"], r.Get(E)!.GetSet("tags"));
            Assert.Equal(("changed", 0L), (r.Get(F)!.GetString("x"), (long)r.Get(F)!.GetCounter("n")));
            Assert.Null(r.Get(F)!.GetString("note"));
            Assert.Null(r.Get(new EntityKey("d", "t", "3")));
        });
        await EqualAsync(team);
    }

    /// <summary>Each mutation that is written again says where it comes from: what was just short enough may be too long then.</summary>
    [Fact]
    public async Task A_transaction_that_is_too_long_with_its_origins_is_written_again_in_parts()
    {
        const int Count = 4_500;
        await using Team team = await Team.CreateAsync(3, servers: 1);
        await team[1].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        await SplitAsync(team, 1, async device =>
        {
            await device.CommitAsync(tx =>
            {
                for (int i = 0; i < Count; i++) tx.Create(new EntityKey("d", "many", $"{i:D200}")).Set("x", i);
            });
            await device.CommitAsync(tx => tx.Update(E).Set("after", true));
        });
        Assert.All(team.Replicas, r => Assert.Equal(Count, r.Keys("d", "many").Count(k => r.Get(k) is not null)));
        Assert.All(team.Replicas, r => Assert.Equal("""{"after":true}""", r.Get(E)!.ToJson()));
        await EqualAsync(team);
    }

    /// <summary>A server that was restored goes on under a new id, and so do its marks.</summary>
    [Fact]
    public async Task What_a_restored_server_marked_stays_marked()
    {
        await using Team team = await Team.CreateAsync(2, 2, ("d", ConflictPolicy.ServerWins));
        await team[0].CommitAsync(tx => tx.Create(E).Set("w", "old").Increment("n", 1));
        await team.MeetAllAsync();
        team.Admissions[2] = RefuseWhere.Writes("bad");
        await team.ReopenAsync(2);
        await SplitAsync(team, 2, async server =>
        {
            await team[0].CommitAsync(tx => tx.Update(E).Set("w", "bad").Increment("n", 2));
            await team.MeetAsync(0, 2);
            await team[0].CommitAsync(tx => tx.Update(E).Set("v", "held"));
            await team[1].CommitAsync(tx => tx.Update(E).Set("v", "late"));
            await team.MeetAsync(0, 2);
            await team.MeetAsync(1, 2);
            Assert.Equal("""{"n":1,"v":"held","w":"old"}""", server().Get(E)!.ToJson());
        });
        Assert.All(team.Replicas, r => Assert.Equal("""{"n":1,"v":"held","w":"old"}""", r.Get(E)!.ToJson()));
        await EqualAsync(team);
    }

    private static Task SplitAsync(Team team, int index, Func<Replica, Task> live) =>
        SplitAsync(team, index, replica => live(replica()));

    /// <summary>Two lives of one replica: one that another met, and, after a restored backup, the one that is told.</summary>
    private static async Task SplitAsync(Team team, int index, Func<Func<Replica>, Task> live)
    {
        ReplicaId before = team[index].Id;
        IReplicaStore backup = await team.CopyAsync(index);
        await team[index].CommitAsync(tx => tx.Create(new EntityKey("other", "life", "1")));
        await team.MeetAsync(index, team.Replicas.Count - 1);
        await team.RestoreAsync(index, backup);
        await live(() => team[index]);
        await team[index].CommitAsync(tx => tx.Create(new EntityKey("this", "life", "1")));
        await team.MeetAsync(index, index == 0 ? 1 : 0);
        for (int i = 0; i < 3; i++) await team.MeetAllAsync();
        Assert.Equal([before], team[index].FormerIds);
        Assert.All(team.Replicas, r => Assert.NotNull(r.Get(new EntityKey("this", "life", "1"))));
    }

    private static async Task EqualAsync(Team team)
    {
        string expected = await World.DumpAsync(team[0]);
        for (int i = 0; i < team.Replicas.Count; i++)
        {
            Assert.Equal(0, team[i].PendingReissues);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
            Assert.Empty((await team[i].AuditAsync()).Unaccounted);
            await team.ReopenAsync(i);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
        }
    }
}
