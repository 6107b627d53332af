namespace Crdt.Properties;

/// <summary>An id is in use twice, and nobody has noticed: what a server says of one log counts for that log alone.</summary>
[Trait("Law", "13")]
[Trait("Spec", "WF-7.4")]
public class ForkedCustodyTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    private const int Owner = 0, Holder = 1, Courier = 2, Server = 3;

    [Fact]
    public async Task A_servers_word_about_one_log_of_an_id_does_not_make_the_other_one_safe()
    {
        await using Team team = await ForkedAsync();
        await team.MeetAsync(Courier, Holder);
        Assert.Empty(team[Holder].Forks);
        Assert.Contains(team[Holder].Acknowledgements, a => a.By == team[Server].Id && a.Held.Covers(team[Holder].Vector));
        CustodyReport report = await team[Holder].GetCustodyAsync();
        Assert.False(report.IsSafeToWipe);
        Assert.Equal(team[Owner].Id, Assert.Single(report.Missing).Author);
        await team.ReopenAsync(Holder);
        Assert.False((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
        // And when the server is met the id is fenced, each log is written again by who has it, and everything is safe.
        ReplicaId former = team[Owner].Id;
        await team.MeetAllAsync();
        await team[Server].ReissueAsync(former);
        await team.MeetAllAsync();
        report = await team[Holder].GetCustodyAsync();
        Assert.True(report.IsSafeToWipe, $"{report} {string.Join(' ', report.Missing)}");
        Assert.Equal((1, 2), (team[Server].Get(Strike)!.GetInteger("first"), team[Server].Get(Strike)!.GetInteger("second")));
    }

    [Fact]
    [Trait("Law", "15")]
    public async Task Who_passes_on_a_servers_word_cannot_turn_it_to_another_log()
    {
        await using Team team = await ForkedAsync();
        ReplicaId owner = team[Owner].Id;
        Acknowledgement genuine = team[Courier].Acknowledgements.Single(a => a.By == team[Server].Id);
        ChainHead held = team[Holder].Heads.Single(h => h.Author == owner);
        Assert.NotEqual(ChainTags.TagOf(held.Hash.Span), genuine.Tags[owner]);
        Acknowledgement turned = genuine with { Tags = genuine.Tags.With(ChainTags.Of([held])) };
        Assert.Equal(SyncError.BadSignature, (await Assert.ThrowsAsync<SyncException>(() => SayAsync(turned))).Error);
        // Told as a difference to heads that both are said to have it is passed over: nobody can tell who is to blame.
        await SayAsync(turned with { IsRelative = true });
        Assert.DoesNotContain(team[Holder].Acknowledgements, a => a.Held[owner] == held.Sequence);
        Assert.False((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
        // As the server signed it, it is taken, and is about the other log.
        await SayAsync(genuine);
        Assert.Contains(team[Holder].Acknowledgements, a => a.Held[owner] == held.Sequence);
        Assert.False((await team[Holder].GetCustodyAsync()).IsSafeToWipe);

        async Task SayAsync(Acknowledgement statement)
        {
            using var session = new SyncSession(team[Holder]);
            Impostor impostor = await Impostor.GreetAsync(session);
            await impostor.SayAsync(new StatementsMessage([statement]));
        }
    }

    [Fact]
    public async Task A_newer_word_that_is_ahead_of_what_is_held_takes_nothing_back()
    {
        await using Team team = await KeyedTeam.CreateAsync(3, 1);
        await team[Owner].CommitAsync(tx => tx.Create(Strike).Set("x", 0));
        await team.MeetAllAsync();
        Assert.True((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
        await team[Owner].CommitAsync(tx => tx.Update(Strike).Set("x", 1));
        await team.MeetAsync(Owner, Server);
        await HearShortlyAsync(team, team[Server].Vector.Single(d => d.Replica == team[Owner].Id));
        await team.MeetAsync(Courier, Holder);
        Assert.False(team[Holder].Vector.Equals(team[Server].Vector));
        Assert.True((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
        await team.MeetAsync(Owner, Holder);
        Assert.True((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
    }

    [Fact]
    public async Task What_a_server_writes_itself_is_safe_as_soon_as_it_has_left_it()
    {
        await using Team team = await KeyedTeam.CreateAsync(3, 1);
        await team[Server].CommitAsync(tx => tx.Create(Strike).Set("x", 0));
        await team.MeetAsync(Server, Holder);
        Assert.True((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
        using SyncSession left = new(team[Server]), right = new(team[Holder]);
        await PassAllAsync(left, right);
        // Also in a session that stays open.
        await team[Server].CommitAsync(tx => tx.Update(Strike).Set("x", 1));
        await PassAllAsync(left, right);
        Assert.Equal(1, team[Holder].Get(Strike)!.GetInteger("x"));
        Assert.True((await team[Holder].GetCustodyAsync()).IsSafeToWipe);
    }

    /// <summary>Where many have written, a statement costs what differs: heads that both have are not told again.</summary>
    [Fact]
    public async Task A_statement_about_many_authors_is_told_by_what_differs()
    {
        const int writers = 40;
        await using Team team = await KeyedTeam.CreateAsync(writers, 1);
        for (int i = 0; i < writers; i++)
        {
            await team[i].CommitAsync(tx => tx.Upsert(Strike).Set($"f{i}", i));
            await team.MeetAsync(i, writers);
        }
        for (int i = 1; i < 3; i++) await team.MeetAsync(i, writers);
        Assert.True((await team[1].GetCustodyAsync()).IsSafeToWipe);
        await team[2].CommitAsync(tx => tx.Update(Strike).Set("x", 1));
        await team.MeetAsync(2, writers);
        (long toServer, long toDevice) = await Team.MeetAsync(team[1], team[writers]);
        Assert.True((await team[1].GetCustodyAsync()).IsSafeToWipe);
        Assert.InRange(toServer + toDevice, 1, 2_000);
    }

    private static async Task PassAllAsync(SyncSession left, SyncSession right)
    {
        while (await Team.PassAsync(left, right) + await Team.PassAsync(right, left) > 0)
        {
            // Until neither has anything to say.
        }
    }

    /// <summary>One log of the owner's is with the server, which the courier has heard of without meeting that log; the other one
    /// is with the holder.</summary>
    private static async Task<Team> ForkedAsync()
    {
        Team team = await KeyedTeam.CreateAsync(3, 1);
        await team[Owner].CommitAsync(tx => tx.Create(Strike).Set("x", 0));
        await team.MeetAllAsync();
        IReplicaStore backup = await team.CopyAsync(Owner);
        await team[Owner].CommitAsync(tx => tx.Update(Strike).Set("first", 1));
        await team.MeetAsync(Owner, Server);
        Dot written = team[Server].Vector.Single(d => d.Replica == team[Owner].Id);
        await HearShortlyAsync(team, written);
        await team.RestoreAsync(Owner, backup);
        await team[Owner].CommitAsync(tx => tx.Update(Strike).Set("second", 2));
        await team.MeetAsync(Owner, Holder);
        Assert.Equal(written, team[Holder].Vector.Single(d => d.Replica == written.Replica));
        return team;
    }

    /// <summary>The courier meets the server, and they part before more than its word has come.</summary>
    private static async Task HearShortlyAsync(Team team, Dot written)
    {
        for (int messages = 1; !team[Courier].Acknowledgements.Any(a => a.By == team[Server].Id && a.Held.Covers(written)); messages++)
        {
            await Team.MeetAsync(team[Courier], team[Server], messages);
            Assert.False(team[Courier].Vector.Covers(written), "The courier is to hear of it without meeting it.");
        }
    }
}
