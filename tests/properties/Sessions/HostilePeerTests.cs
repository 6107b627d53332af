namespace Crdt.Properties;

/// <summary>What a peer does wrong ends its session with the right error, and leaves the victim as it was.</summary>
public class HostilePeerTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    [Trait("Error", nameof(SyncError.Gap))]
    public async Task A_run_that_skips_a_sequence_is_refused() => await RefusedAsync(SyncError.Gap, runs => [runs[^1]], known: 1);

    [Fact]
    [Trait("Error", nameof(SyncError.PartlyCovered))]
    public async Task A_run_that_is_held_in_part_is_refused() => await RefusedAsync(SyncError.PartlyCovered, runs =>
        [runs[2] with { Batches = [.. runs[2].Batches, .. runs[2].Batches], FirstSequence = runs[1].FirstSequence }],
        known: 2);

    [Fact]
    [Trait("Error", nameof(SyncError.UnknownObservedDot))]
    public async Task A_run_that_came_before_what_it_replaces_is_refused() =>
        await RefusedAsync(SyncError.UnknownObservedDot, runs => [runs[^2]], known: 1);

    [Fact]
    [Trait("Error", nameof(SyncError.ChainBroken))]
    public async Task A_run_with_another_head_is_refused() => await RefusedAsync(SyncError.ChainBroken, runs =>
    {
        byte[] head = runs[1].Head.ToArray();
        head[^1] ^= 1;
        return [runs[1] with { Head = head }];
    }, known: 1);

    [Fact]
    public async Task A_run_with_another_batch_is_refused() =>
        await RefusedAsync(SyncError.ChainBroken, runs => [runs[1] with { Batches = runs[2].Batches }], known: 1);

    [Fact]
    public async Task A_run_that_ends_elsewhere_than_its_head_says_is_refused() =>
        await RefusedAsync(SyncError.ChainBroken, runs => [runs[1] with { LastSequence = runs[1].LastSequence + 1 }], known: 1);

    [Fact]
    public async Task A_run_under_somebody_elses_name_is_refused() =>
        await RefusedAsync(SyncError.ChainBroken, runs => [runs[1] with { Author = Team.IdOf(50) }], known: 1);

    [Fact]
    [Trait("Error", nameof(SyncError.BadBatch))]
    public async Task A_run_of_what_is_no_batch_is_refused_though_its_chain_holds() => await RefusedAsync(SyncError.BadBatch, _ =>
    {
        byte[] junk = [1, 2, 3, 4, 5];
        ReplicaId author = Team.IdOf(50);
        return [new BatchRun(author, 1, [junk], 1, AuthorTable.ChainNext(AuthorTable.ChainStart(author), junk))];
    }, known: 1);

    [Fact]
    [Trait("Error", nameof(SyncError.UnknownFormat))]
    [Trait("Spec", "WF-2.1")]
    public async Task A_batch_of_a_later_format_is_told_as_such_and_what_came_before_it_stays() => await RefusedAsync(SyncError.UnknownFormat, runs =>
    {
        byte[] later = [4, 2, 1];
        return [runs[1] with { Batches = [later], Head = AuthorTable.ChainNext(AuthorTable.ChainStart(runs[1].Author), later) }];
    }, known: 1);

    [Fact]
    public async Task A_good_batch_before_a_bad_one_of_the_same_run_is_not_applied_either() =>
        await RefusedAsync(SyncError.BadBatch, runs =>
        {
            BatchRun good = runs[1];
            byte[] junk = [1, 2, 3, 4, 5];
            return [good with { Batches = [.. good.Batches, junk], LastSequence = good.LastSequence + 1, Head = AuthorTable.ChainNext(good.Head.Span, junk) }];
        }, known: 1);

    [Fact]
    [Trait("Error", nameof(SyncError.Rebuilt))]
    [Trait("Law", "13")]
    public async Task Whoever_is_shown_its_own_future_goes_on_under_a_new_id()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        BatchRun run = (await World.RunsOfAsync(team[0]))[^1];
        ReplicaId before = team[1].Id;
        using var session = new SyncSession(team[1]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await RefusedAsync(SyncError.Rebuilt, impostor.SayAsync(new RunMessage(run with { Author = before })));
        Assert.Equal([before], team[1].FormerIds);
        Assert.Null(team[1].Get(Strike));
        await team.MeetAsync(0, 1);
        CommitResult made = await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        Assert.Equal((team[1].Id, 1), (made.Replica, made.FirstSequence));
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task Whoever_is_shown_its_own_future_and_has_no_new_id_to_go_on_with_sets_it_aside()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        BatchRun run = (await World.RunsOfAsync(team[0]))[^1];
        ReplicaId id = Team.IdOf(60);
        await using Replica victim = await OpenNewcomerAsync(team);
        await Team.MeetAsync(team[0], victim);
        using var session = new SyncSession(victim);
        Impostor impostor = await Impostor.GreetAsync(session);
        await impostor.SayAsync(new RunMessage(run with { Author = id }));
        Assert.Equal((id, id), (victim.Id, Assert.Single(victim.Forks).Author));
        await Team.MeetAsync(team[0], victim);
    }

    [Fact]
    [Trait("Error", nameof(SyncError.LimitExceeded))]
    public async Task A_run_without_batches_is_refused() =>
        await RefusedAsync(SyncError.LimitExceeded, runs => [runs[1] with { Batches = [] }], known: 1);

    [Fact]
    [Trait("Error", nameof(SyncError.WrongSpace))]
    public async Task A_newcomer_takes_no_other_founding_than_that_of_its_space()
    {
        await using Team team = await Team.CreateAsync(1);
        SpaceGenesis other = SpaceGenesis.Create(Team.IdOf(201), "other", [], team.Clocks[0]);
        await using Replica newcomer = await OpenNewcomerAsync(team);
        using var session = new SyncSession(newcomer);
        Impostor impostor = await Impostor.GreetAsync(session);
        var run = new BatchRun(other.Authority, 1, [other.Batch], 1, other.Head);
        var error = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(new RunMessage(run)).AsTask());
        Assert.Equal(SyncError.WrongSpace, error.Error);
        Assert.Empty(newcomer.Vector);
        await Team.MeetAsync(team[0], newcomer);
        Assert.Equal(team[0].Vector, newcomer.Vector);
    }

    [Fact]
    [Trait("Error", nameof(SyncError.CreditExceeded))]
    public async Task More_than_was_granted_is_refused_and_what_was_granted_is_kept()
    {
        await using Team team = await Team.CreateAsync(2);
        await CommitLargeAsync(team[0], 4);
        IReadOnlyList<BatchRun> runs = await World.RunsOfAsync(team[0]);
        using var session = new SyncSession(team[1]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await impostor.SayAsync(new RunMessage(runs[1]));
        await impostor.SayAsync(new RunMessage(runs[2]));
        VersionVector before = team[1].Vector;
        var error = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(new RunMessage(runs[3])).AsTask());
        Assert.Equal(SyncError.CreditExceeded, error.Error);
        Assert.Equal(before, team[1].Vector);
        Assert.Equal(2, before[team[0].Id]);
    }

    [Fact]
    public async Task A_sender_without_credit_waits_and_an_acknowledgement_lets_it_go_on()
    {
        await using Team team = await Team.CreateAsync(2);
        await CommitLargeAsync(team[0], 6);
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        // The greeting heard as much as the first grant allows: two runs of the six.
        Assert.Equal(3, session.Progress.MutationsSent);
        Assert.Null(await impostor.HearAsync());
        await impostor.SayAsync(new AckMessage(Team.Start, VersionVector.From([new Dot(team[0].Id, 1)]), 1 << 20));
        Assert.IsType<RunMessage>(await impostor.HearAsync());
        Assert.Null(await impostor.HearAsync());
    }

    [Fact]
    public async Task Many_runs_of_a_megabyte_pass_within_the_credit()
    {
        await using Team team = await Team.CreateAsync(2);
        await CommitLargeAsync(team[0], 12);
        await team.MeetAsync(0, 1);
        Assert.Equal(team[0].Vector, team[1].Vector);
    }

    [Fact]
    public async Task Messages_out_of_turn_are_refused()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        string before = await World.DumpAsync(team[0]);
        SyncMessage[] early =
        [
            new HeadsMessage(0, []), new AckMessage(Team.Start, VersionVector.Empty, 1), new StatementsMessage([]),
            new RunMessage((await World.RunsOfAsync(team[0]))[0]),
        ];
        foreach (SyncMessage message in early)
        {
            using var session = new SyncSession(team[0]);
            await RefusedAsync(SyncError.UnexpectedMessage, new Impostor(session).SayAsync(message));
        }
        using (var session = new SyncSession(team[0]))
        {
            Impostor impostor = await Impostor.GreetAsync(session);
            await RefusedAsync(SyncError.UnexpectedMessage, impostor.SayAsync(Impostor.Have(Impostor.Id)));
            await RefusedAsync(SyncError.UnexpectedMessage, impostor.SayAsync(new HeadsMessage(0, [])));
            await RefusedAsync(SyncError.UnexpectedMessage, impostor.SayAsync(
                new AckMessage(Team.Start, VersionVector.From([new Dot(team[0].Id, 2)]), 0)));
        }
        Assert.Equal(before, await World.DumpAsync(team[0]));
    }

    [Fact]
    [Trait("Error", nameof(SyncError.SameReplica))]
    public async Task A_replica_does_not_talk_to_itself_or_to_a_copy_of_itself()
    {
        await using Team team = await Team.CreateAsync(1);
        ReplicaId id = team[0].Id;
        using var session = new SyncSession(team[0]);
        await RefusedAsync(SyncError.SameReplica, new Impostor(session).SayAsync(Impostor.Have(id)));
        Assert.Equal([id], team[0].FormerIds);
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task Two_logs_under_one_id_are_noticed_when_they_are_equally_long_and_all_others_go_on()
    {
        await using Team team = await Team.CreateAsync(3);
        await using Replica copy = await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, team[0].Id, ReplicaRole.Client)),
            new ReplicaOptions { Time = team.Clocks[0], Genesis = team.Genesis });
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await copy.CommitAsync(tx => tx.Create(Strike).Set("species", "heron"));
        await team.MeetAsync(0, 1);
        await Team.MeetAsync(copy, team[2]);
        string[] before = [await World.DumpAsync(team[1]), await World.DumpAsync(team[2])];
        await team.MeetAsync(1, 2);
        Assert.Equal(before[0], await World.DumpAsync(team[1]));
        Assert.Equal(before[1], await World.DumpAsync(team[2]));
        await team[1].CommitAsync(tx => tx.Create(new("incident", "strike", "43")));
        await team.MeetAsync(1, 2);
        Assert.NotNull(team[2].Get(new("incident", "strike", "43")));
        Assert.All([team[1], team[2]], r => Assert.Equal((team[0].Id, 0), (Assert.Single(r.Forks).Author, r.Forks[0].Common)));
    }

    [Fact]
    public async Task Equal_logs_with_different_digests_are_reported_as_divergence()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        foreach (bool isDiverged in new[] { false, true })
        {
            using var session = new SyncSession(team[0]);
            var impostor = new Impostor(session);
            await impostor.HearAsync();
            await impostor.SayAsync(Impostor.Have(Impostor.Id));
            UInt128 digest = (await team[0].GetStatusAsync()).Digest.Value;
            await impostor.SayAsync(new HeadsMessage(isDiverged ? digest + 1 : digest, [.. team[0].Heads]));
            Assert.Equal(isDiverged, session.Progress.IsDiverged);
        }
    }

    /// <summary>Whose logs differ is set aside, and nobody's session ends, unless the peer contradicts itself.</summary>
    [Fact]
    [Trait("Error", nameof(SyncError.Forked))]
    [Trait("Law", "13")]
    public async Task Who_sends_another_log_than_the_one_that_a_fence_ends_and_then_says_that_there_is_one_log_is_refused()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team.MeetAllAsync();
        IReplicaStore backup = await team.CopyAsync(0);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        await team.MeetAsync(0, 2);
        ReplicaId author = team[0].Id;
        await team[2].FenceAsync(author, FenceReason.Retired);
        Replica copy = await team.AddCopyAsync(backup);
        await copy.CommitAsync(tx => tx.Update(Strike).Set("species", "eagle"));
        BatchRun other = (await World.RunsOfAsync(copy))[^1];
        ChainHead common = team[1].Heads.Single(h => h.Author == author);
        Assert.Equal((author, common.Sequence + 1), (other.Author, other.FirstSequence));
        string before = await World.DumpAsync(team[1]);
        VersionVector vector = team[1].Vector;
        int log;
        using (var session = new SyncSession(team[1]))
        {
            Impostor impostor = await Impostor.GreetAsync(session);
            await impostor.SayAsync(new FencesMessage(team[2].Fences, [], []));
            log = LogLength(team[1]);
            await impostor.SayAsync(new RunMessage(other));
            await RefusedAsync(SyncError.Forked, impostor.SayAsync(new ChainMessage(author, [common])));
        }
        Assert.Equal(before, await World.DumpAsync(team[1]));
        Assert.Equal((vector, log), (team[1].Vector, LogLength(team[1])));
        await team.MeetAsync(1, 2);
        Assert.Equal("heron", team[1].Get(Strike)!.GetString("species"));
    }

    private static async Task RefusedAsync(SyncError expected, ValueTask saying) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<SyncException>(() => saying.AsTask())).Error);

    /// <summary>Runs: the founding; three of A, the last of which replaces what B wrote; B's one before that.</summary>
    private static async Task RefusedAsync(
        SyncError expected, Func<IReadOnlyList<BatchRun>, IEnumerable<BatchRun>> forge, int known)
    {
        await using Team team = await Team.CreateAsync(3);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team[0].CloseRunAsync(default);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        await team.MeetAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "swift"));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "eagle"));
        IReadOnlyList<BatchRun> runs = await World.RunsOfAsync(team[0]);
        foreach (BatchRun run in runs.Take(known)) await team[2].ApplyAsync(run, default);
        string before = await World.DumpAsync(team[2]);
        VersionVector vector = team[2].Vector;
        int log = LogLength(team[2]);
        using (var session = new SyncSession(team[2]))
        {
            Impostor impostor = await Impostor.GreetAsync(session);
            foreach (BatchRun run in forge(runs))
            {
                if (expected is not (SyncError.ChainBroken or SyncError.PartlyCovered))
                {
                    await RefusedAsync(expected, impostor.SayAsync(new RunMessage(run)));
                    continue;
                }
                // It might be another log's: the author is set aside, until the peer's own chain shows that there is none.
                await impostor.SayAsync(new RunMessage(run));
                Assert.Equal(run.Author, Assert.Single(team[2].Forks).Author);
                IEnumerable<ChainHead> chain = runs.Where(r => r.Author == run.Author).Take(2)
                    .Select(r => new ChainHead(r.Author, r.LastSequence, r.Head));
                await RefusedAsync(expected, impostor.SayAsync(new ChainMessage(run.Author, [.. chain])));
            }
        }
        Assert.Equal(before, await World.DumpAsync(team[2]));
        Assert.Equal(vector, team[2].Vector);
        Assert.Equal(log, LogLength(team[2]));
        await team.MeetAsync(0, 2);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[2]));
    }

    /// <summary>Entries of the log, but for what a replica notes for itself: that it met the peer, and its clock.</summary>
    private static int LogLength(Replica replica) =>
        replica.Store.ReadLog(default).Count(e => e.Entry.Kind != LogEntryKind.Note);

    private static async Task CommitLargeAsync(Replica replica, int count)
    {
        var random = new Random(1);
        byte[] content = new byte[250_000];
        for (int i = 0; i < count; i++)
        {
            await replica.CommitAsync(tx =>
            {
                EntityEdit edit = tx.Create(new("incident", "photo", $"{i}"));
                for (int part = 0; part < 4; part++)
                {
                    random.NextBytes(content);
                    edit.Set($"part {part}", content);
                }
            });
        }
    }

    private static async Task<Replica> OpenNewcomerAsync(Team team) => await Replica.OpenAsync(
        new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(60), ReplicaRole.Client)),
        new ReplicaOptions { Time = team.Clocks[0] });
}
