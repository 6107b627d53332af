namespace Crdt.Properties;

/// <summary>Ids in use twice, logs that were ended, and what becomes of what was written there.</summary>
public class ForkSchedules
{
    private static readonly EntityKey E = new("d", "t", "1");

    private static EntityKey Key(string id) => new("d", "t", id);

    /// <summary>B backed up; b1; B->A; B restored; another b1; B->C; A and C meet.</summary>
    [Fact]
    [Trait("Schedule", "6")]
    [Trait("Law", "13")]
    public async Task A_device_restored_from_a_backup_is_fenced_and_its_second_life_is_kept()
    {
        await using Team team = await Team.CreateAsync(3, servers: 1);
        await team[1].CommitAsync(tx => tx.Create(E).Set("x", 0));
        await team.MeetAllAsync();
        ReplicaId forked = team[1].Id;
        IReplicaStore backup = await team.CopyAsync(1);
        await team[1].CommitAsync(tx => tx.Update(E).Set("first", 1), "ana");
        await team.MeetAsync(1, 0);
        await team.RestoreAsync(1, backup);
        await team[1].CommitAsync(tx => tx.Update(E).Set("second", 2).WithContext("why"), "ben");
        await team.MeetAsync(1, 2);

        // Devices cannot settle it, and everybody else's work goes on between them.
        await team[0].CommitAsync(tx => tx.Create(Key("other")));
        await team.MeetAsync(0, 2);
        Assert.NotNull(team[2].Get(Key("other")));
        Assert.Equal(forked, Assert.Single(team[0].Forks).Author);
        Assert.Equal(forked, Assert.Single(team[2].Forks).Author);
        Assert.Equal(1, team[2].Forks[0].Common);

        await team.MeetAllAsync();
        Fence fence = Assert.Single(team[0].Fences);
        Assert.Equal((forked, 1, FenceReason.Forked), (fence.Replica, fence.Sequence, fence.Reason));
        Assert.NotEqual(forked, team[1].Id);
        Assert.Equal([forked], team[1].FormerIds);
        await AssertEqualAsync(team);
        Assert.All(team.Replicas, r => Assert.Equal("""{"second":2,"x":0}""", r.Get(E)!.ToJson()));
        Mutation again = Assert.Single(team[0].Mutations(new() { Author = team[1].Id })).Mutation;
        Assert.Equal(("ben", "why", new Dot(forked, 2)), (again.User, again.Context.AsString(), again.Origin!.Reissued));

        // What was written before the restoring is kept aside by everybody, and taken up when somebody asks for it.
        Assert.All(team.Replicas, r => Assert.Equal((forked, 2, 2), Describe(Assert.Single(r.SetAside, a => Holds(r, a, "first")))));
        Assert.Equal(1, await team[1].ReissueAsync(forked));
        Assert.Equal(0, await team[1].ReissueAsync(forked));
        await team.MeetAllAsync();
        Assert.Equal(0, await team[3].ReissueAsync(forked));
        Assert.All(team.Replicas, r => Assert.Equal("""{"first":1,"second":2,"x":0}""", r.Get(E)!.ToJson()));
        await AssertEqualAsync(team);
    }

    private static bool Holds(Replica replica, SetAsideRun run, string field) =>
        replica.ReadSetAside(run).Any(m => m.Changes.Any(c => !c.Path.IsRoot && c.Path.Name == field));

    private static (ReplicaId, long, long) Describe(SetAsideRun run) => (run.Author, run.FirstSequence, run.LastSequence);

    /// <summary>Equal vectors, equal data, in memory and after reopening; nothing unaccounted for.</summary>
    private static async Task AssertEqualAsync(Team team)
    {
        string expected = await World.DumpAsync(team[0]);
        for (int i = 0; i < team.Replicas.Count; i++)
        {
            Assert.Equal(team[0].Vector, team[i].Vector);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
            Assert.Empty((await team[i].AuditAsync()).Unaccounted);
            Assert.Equal(0, team[i].PendingReissues);
            await team.ReopenAsync(i);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
        }
    }
}
