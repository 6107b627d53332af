namespace Crdt.Properties;

/// <summary>Ids in use twice, logs that were ended, and what becomes of what was written there.</summary>
public class ForkSchedules
{
    private static readonly EntityKey E = new("d", "t", "1");

    private static EntityKey Key(string id) => new("d", "t", id);

    /// <summary>B backed up; b1; B->A; B restored; another b1; B->C; A and C meet.</summary>
    [Fact]
    [Trait("Schedule", "6")]
    [Trait("Spec", "WF-4.13")]
    [Trait("Spec", "WF-4.14")]
    [Trait("Spec", "WF-4.15")]
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

    /// <summary>A newcomer, a retired returner, a revoked author's batch carried by an honest third.</summary>
    [Fact]
    [Trait("Schedule", "8")]
    [Trait("Law", "13")]
    public async Task What_a_retired_device_wrote_unseen_is_written_again_and_who_built_on_it_keeps_working()
    {
        await using Team team = await Team.CreateAsync(3, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 0).Increment("n", 5));
        await team.MeetAllAsync();
        ReplicaId retired = team[0].Id;
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", 1).Increment("n", 2).Add("tags", "late"));
        await team[0].CommitAsync(tx => tx.Update(E).Increment("n", 3).Discard("tags", "late"));
        await team.MeetAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", 2));
        Assert.Equal(1, (await team[3].FenceAsync(retired, FenceReason.Retired)).Count);
        Assert.Equal(0, (await team[3].FenceAsync(retired, FenceReason.Retired)).Count);
        await team.MeetAsync(1, 3);
        Assert.Equal(2, team[3].Get(E)!.GetInteger("x"));
        Replica newcomer = await team.AddAsync();
        await team.MeetAsync(3, 4);
        await team.MeetAsync(1, 4);
        Assert.Equal(await World.DumpAsync(team[3]), await World.DumpAsync(newcomer));
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        await AssertEqualAsync(team);
        Assert.Equal((retired, 1, FenceReason.Retired), Describe(Assert.Single(team[2].Fences)));
        Assert.Equal((Int128)10, team[2].Get(E)!.GetCounter("n"));
        Assert.Empty(team[2].Get(E)!.GetSet("tags"));
        Assert.Equal(["1", "2"], team[2].Get(E)!.Siblings("x").Select(s => $"{s.Value.AsInteger()}").Order());
        Assert.All(team.Replicas, r => Assert.Equal(0, r.PendingReissues));
    }

    [Fact]
    [Trait("Law", "15")]
    [Trait("Spec", "WF-2.16")]
    public async Task Nobody_without_the_role_ends_a_log_and_nobody_ends_its_own()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[1].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        var error = await Assert.ThrowsAsync<MutationException>(
            () => team[0].FenceAsync(team[1].Id, FenceReason.Revoked).AsTask());
        Assert.Equal(MutationError.RoleRequired, error.Error);
        await Assert.ThrowsAsync<ArgumentException>(() => team[2].FenceAsync(team[2].Id, FenceReason.Retired).AsTask());

        // A client that writes it none the less writes something that nobody reads.
        var columns = new BatchColumns { Role = ReplicaRole.Client };
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.EndsTransaction, row.Timestamp) = (MutationKind.Update, true, new HybridTimestamp(1UL << 60));
        row.Entity = columns.Entities.GetOrAdd(FenceEntity.KeyOf(team[1].Id));
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd(
            FenceEntity.PathOf(new ChainHead(team[1].Id, 0, AuthorTable.ChainStart(team[1].Id)))));
        (change.HasValue, change.Value) = (true, "revoked");
        ReplicaId rogue = Team.IdOf(77);
        byte[] batch = new BatchWriter().Write(columns, 1);
        byte[] head = AuthorTable.ChainNext(AuthorTable.ChainStart(rogue), batch);
        Assert.True(await team[0].ApplyAsync(new BatchRun(rogue, 1, [batch], 1, head), default));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Empty(r.Fences));
        Assert.All(team.Replicas, r => Assert.NotNull(r.Get(E)));
    }

    [Fact]
    public async Task A_fenced_replica_without_a_new_id_reads_and_passes_on_and_writes_no_more()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        var store = new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(60), ReplicaRole.Client));
        await using Replica device = await Replica.OpenAsync(store, new ReplicaOptions { Time = team.Clocks[0], Genesis = team.Genesis });
        await device.CommitAsync(tx => tx.Create(E).Set("x", 1));
        await Team.MeetAsync(device, team[1]);
        await team[1].FenceAsync(device.Id, FenceReason.Revoked);
        await Team.MeetAsync(device, team[1]);
        var error = await Assert.ThrowsAsync<MutationException>(() => device.CommitAsync(tx => tx.Update(E).Set("x", 2)).AsTask());
        Assert.Equal(MutationError.Fenced, error.Error);
        await team[0].CommitAsync(tx => tx.Create(Key("2")));
        await team.MeetAsync(0, 1);
        await Team.MeetAsync(device, team[1]);
        Assert.Equal(await World.DumpAsync(team[1]), await World.DumpAsync(device));
    }

    private static (ReplicaId, long, FenceReason) Describe(Fence fence) => (fence.Replica, fence.Sequence, fence.Reason);

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
