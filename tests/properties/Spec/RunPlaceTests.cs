namespace Crdt.Properties.Spec;

/// <summary>Where a run may stand: everything that every replica judges alike about it.</summary>
public class RunPlaceTests
{
    private static readonly EntityKey Key = new("d", "t", "x");

    [Fact]
    [Trait("Spec", "WF-3.2")]
    public async Task A_run_is_applied_as_a_whole_or_not_at_all()
    {
        await using Team team = await Team.CreateAsync(2);
        BatchRun run = await RunOfAsync(team, 2);
        byte[] wrong = run.Head.ToArray();
        wrong[31] ^= 1;
        await RefusesAsync(ApplyError.ChainBroken, team[1], run with { Head = wrong });
        await RefusesAsync(ApplyError.ChainBroken, team[1], run with { Batches = [run.Batches[1], run.Batches[0]] });
        await RefusesAsync(ApplyError.ChainBroken, team[1], run with { LastSequence = run.LastSequence + 1 });
        await RefusesAsync(ApplyError.LimitExceeded, team[1], run with { Batches = [] });
        Assert.Null(team[1].Get(Key));
        Assert.True(await team[1].ApplyAsync(run, default));
        Assert.Equal(team[0].Get(Key)!.ToJson(), team[1].Get(Key)!.ToJson());
    }

    [Fact]
    [Trait("Spec", "WF-3.3")]
    public async Task A_run_begins_at_its_authors_next_sequence()
    {
        await using Team team = await Team.CreateAsync(2);
        BatchRun first = await RunOfAsync(team, 2), second = await RunOfAsync(team, 1);
        await RefusesAsync(ApplyError.Gap, team[1], second);
        Assert.True(await team[1].ApplyAsync(first, default));
        Assert.False(await team[1].ApplyAsync(first, default));
        await RefusesAsync(ApplyError.PartlyCovered, team[1],
            second with { FirstSequence = first.LastSequence, Batches = [first.Batches[0], .. second.Batches] });
        await RefusesAsync(ApplyError.OwnLogForked, team[0], second with { LastSequence = second.LastSequence + 1 });
        Assert.True(await team[1].ApplyAsync(second, default));
    }

    [Fact]
    [Trait("Spec", "WF-3.3")]
    public async Task Of_a_run_cut_elsewhere_whose_first_batches_are_held_the_rest_is_applied()
    {
        await using Team team = await Team.CreateAsync(2);
        BatchRun first = await RunOfAsync(team, 2), second = await RunOfAsync(team, 1);
        Assert.True(await team[1].ApplyAsync(first, default));
        Assert.True(await team[1].ApplyAsync(
            second with { FirstSequence = first.LastSequence, Batches = [first.Batches[1], .. second.Batches] }, default));
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        Assert.Equal(team[0].Heads.Select(h => (h.Author, h.Sequence)), team[1].Heads.Select(h => (h.Author, h.Sequence)));
    }

    [Fact]
    [Trait("Spec", "WF-3.3")]
    public async Task A_change_that_replaces_what_has_not_arrived_is_refused()
    {
        await using Team team = await Team.CreateAsync(3);
        BatchRun first = await RunOfAsync(team, 1);
        await team[1].ApplyAsync(first, default);
        await team[1].CommitAsync(tx => tx.Update(Key).Set("n", 7));
        BatchRun built = await LastRunAsync(team[1]);
        await RefusesAsync(ApplyError.UnknownObservedDot, team[2], built);
        await team[2].ApplyAsync(first, default);
        Assert.True(await team[2].ApplyAsync(built, default));
    }

    [Fact]
    [Trait("Spec", "WF-3.4")]
    public async Task The_first_batch_of_all_is_the_founding_of_the_space()
    {
        await using Team team = await Team.CreateAsync(1);
        BatchRun run = await RunOfAsync(team, 1);
        var store = new MemoryReplicaStore(new ReplicaIdentity(team.Genesis.Space, Team.IdOf(9), ReplicaRole.Client));
        await using Replica newcomer = await Replica.OpenAsync(store, new ReplicaOptions { Time = team.Clocks[0] });
        await RefusesAsync(ApplyError.WrongSpace, newcomer, run);
    }

    [Fact]
    public async Task Many_entities_without_a_field_travel_in_one_batch()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx =>
        {
            for (int i = 0; i < 50; i++) tx.Create(new("d", "t", $"{i}"));
        });
        await team.MeetAsync(0, 1);
        Assert.Equal(50, team[1].Query("d", "t").Count());
    }

    private static async Task RefusesAsync(ApplyError error, Replica replica, BatchRun run)
    {
        VersionVector before = replica.Vector;
        var refused = await Assert.ThrowsAsync<ApplyException>(() => replica.ApplyAsync(run, default).AsTask());
        Assert.Equal(error, refused.Error);
        Assert.Equal(before, replica.Vector);
    }

    private static async Task<BatchRun> RunOfAsync(Team team, int batches)
    {
        for (int i = 0; i < batches; i++) await team[0].CommitAsync(tx => tx.Upsert(Key).Increment("hits"));
        return await LastRunAsync(team[0]);
    }

    private static async Task<BatchRun> LastRunAsync(Replica replica)
    {
        await replica.CloseRunAsync(default);
        var batches = new List<LogEntry>();
        BatchRun? run = null;
        foreach ((LogEntry entry, LogPosition _) in replica.Store.ReadLog(default))
        {
            if (entry.Author != replica.Id) continue;
            if (entry.Kind == LogEntryKind.Batch) batches.Add(entry);
            if (entry.Kind != LogEntryKind.Head) continue;
            run = new BatchRun(
                entry.Author, batches[0].FirstSequence, [.. batches.Select(b => b.Payload)], entry.LastSequence, entry.Payload);
            batches.Clear();
        }
        return run!;
    }
}
