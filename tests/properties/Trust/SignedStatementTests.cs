using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>In a keyed space it counts what somebody signs, and not what another says about it.</summary>
public class SignedStatementTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    [Trait("Spec", "WF-7.4")]
    public async Task A_servers_word_reaches_a_device_through_others_and_holds()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        CommitResult written = await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        var dot = new Dot(team[0].Id, written.FirstSequence);
        await team.MeetAsync(0, 1);
        Assert.Equal(MutationStatus.Pending, team[0].FindMutation(dot)!.Status);
        await team.MeetAsync(1, 2);
        Assert.Equal(MutationStatus.Synced, team[1].FindMutation(dot)!.Status);
        await team.MeetAsync(0, 1);
        Assert.Equal(MutationStatus.Synced, team[0].FindMutation(dot)!.Status);
        Acknowledgement heard = team[0].Acknowledgements.Single(a => a.By == team[2].Id);
        Assert.Equal((64, ReplicaRole.Server), (heard.Signature.Length, heard.Role));
        Assert.Equal(team[2].Vector, heard.Held);
        // Beyond the server, the device's own neighbour has said so itself.
        Assert.Equal(2, team[0].FindMutation(dot)!.HeldBy);
    }

    [Fact]
    public async Task A_word_that_was_kept_is_passed_on_after_opening_again()
    {
        foreach (bool isProjecting in new[] { false, true })
        {
            await using Team team = await Team.CreateAsync(2, 1, isProjecting, [], isKeyed: true);
            CommitResult written = await team[0].CommitAsync(tx => tx.Create(Strike));
            await team.MeetAsync(0, 1);
            await team.MeetAsync(1, 2);
            await team[2].CommitAsync(tx => tx.Update(Strike).Set("species", "gull"));
            await team.MeetAsync(1, 2);
            await team[1].FlushAsync();
            await team.ReopenAsync(1);
            await team.MeetAsync(0, 1);
            Acknowledgement heard = team[0].Acknowledgements.Single(a => a.By == team[2].Id);
            Assert.Equal(team[2].Vector, heard.Held);
            Assert.Equal(MutationStatus.Synced, team[0].FindMutation(new Dot(team[0].Id, written.FirstSequence))!.Status);
        }
    }

    [Fact]
    public async Task A_session_with_nothing_new_is_as_short_as_in_an_open_space()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        (long there, long back) = await Team.MeetAsync(team[0], team[1]);
        Assert.InRange(there, 1, 100);
        Assert.InRange(back, 1, 100);
    }

    [Fact]
    public async Task A_newcomer_hears_of_who_holds_what_only_after_it_knows_who_they_are()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        await using Replica newcomer = await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(50), ReplicaRole.Client)),
            KeyedTeam.OptionsOf(team, null) with { Genesis = null });
        await Team.MeetAsync(team[0], newcomer);
        Assert.Equal(team[1].Vector, newcomer.Acknowledgements.Single(a => a.By == team[1].Id).Held);
        // Not enrolled, it has no word that would count.
        Assert.DoesNotContain(team[0].Acknowledgements, a => a.By == newcomer.Id);
    }

    [Fact]
    [Trait("Spec", "WF-7.4")]
    [Trait("Law", "15")]
    public async Task A_statement_that_its_maker_has_not_signed_ends_the_session()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        var all = VersionVector.From([new Dot(team[0].Id, 2), new Dot(Team.AuthorityId, 1)]);
        Acknowledgement good = Sign(team, team[1].Id, all);
        Acknowledgement[] forged =
        [
            good with { Signature = Sign(team, team[1].Id, all, KeyedTeam.KeyOf(1)).Signature },
            good with { Signature = default },
            good with { Time = good.Time.AddSeconds(1) },
            good with { Held = VersionVector.From([new Dot(team[0].Id, 1)]) },
            good with { By = team[0].Id },
            good with { Signature = KeyedTeam.KeyOf(2).Sign(SignedBytes.OfCustody(SpaceId.FromBytes(new byte[32]), team[1].Id, good.Time, good.Holding)) },
            // What it says of having seen something is no word about what it holds.
            good with { Signature = KeyedTeam.KeyOf(2).Sign(SignedBytes.OfStatement(team.Genesis.Space, team[1].Id, good.Time, all)) },
            good with { Tags = ChainTags.None, Signature = KeyedTeam.KeyOf(2).Sign(SignedBytes.OfStatement(team.Genesis.Space, team[1].Id, good.Time, all)) },
            good with { Tags = ChainTags.None },
            good with { Tags = good.Tags.With(ChainTags.Of([(team[0].Id, good.Tags[team[0].Id]!.Value ^ 1)])) },
        ];
        foreach (Acknowledgement statement in forged) await RefusedAsync(team, SyncError.BadSignature, statement);
        await RefusedAsync(team, SyncError.NotEnrolled, Sign(team, Team.IdOf(50), all));
        await AcceptedAsync(team, good);
        Assert.Equal(MutationStatus.Synced, team[0].FindMutation(new Dot(team[0].Id, 2))!.Status);
    }

    [Fact]
    [Trait("Law", "15")]
    public async Task A_client_that_claims_the_server_role_makes_nothing_synced()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        var all = VersionVector.From([new Dot(team[0].Id, 2)]);
        await AcceptedAsync(team, Sign(team, team[1].Id, all) with { Role = ReplicaRole.Server });
        QueuedMutation mutation = team[0].FindMutation(new Dot(team[0].Id, 2))!;
        Assert.Equal((MutationStatus.Pending, 1), (mutation.Status, mutation.HeldBy));
        Assert.True(await team[0].GetCustodyAsync() is { IsSafeToWipe: false, Receipts: [] });
        // Nor does the role it gives in its first message, with acknowledgements that nobody signed.
        using var session = new SyncSession(team[0]);
        var impostor = new Impostor(session);
        await impostor.HearAsync();
        await impostor.SayAsync(Impostor.Have(team[1].Id) with { Role = ReplicaRole.Server });
        await impostor.SayAsync(new HeadsMessage(0, []));
        await impostor.SayAsync(new AckMessage(Team.Start, all, 0));
        Assert.Equal(ReplicaRole.Client, session.Progress.PeerRole);
        Assert.Equal(MutationStatus.Pending, team[0].FindMutation(new Dot(team[0].Id, 2))!.Status);
    }

    [Fact]
    public async Task What_is_older_than_what_is_known_is_passed_over_whoever_signed_it()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        var more = VersionVector.From([new Dot(team[0].Id, 2), new Dot(Team.AuthorityId, 1)]);
        var less = VersionVector.From([new Dot(team[0].Id, 1), new Dot(Team.AuthorityId, 1)]);
        await AcceptedAsync(team, Sign(team, team[1].Id, more));
        await AcceptedAsync(team, Sign(team, team[1].Id, less, KeyedTeam.KeyOf(9)));
        Assert.Equal(more, team[0].Acknowledgements.Single().Held);
        // One that is neither older nor newer is of somebody who has lost what it had: it changes nothing.
        await AcceptedAsync(team, Sign(team, team[1].Id, VersionVector.From([new Dot(team[0].Id, 1), new Dot(Team.AuthorityId, 2)])));
        Assert.Equal(more, team[0].Acknowledgements.Single().Held);
    }

    [Fact]
    public async Task In_an_open_space_a_signed_statement_is_refused()
    {
        await using Team team = await Team.CreateAsync(1, 1);
        await RefusedAsync(team, SyncError.BadSignature, Sign(team, team[1].Id, VersionVector.Empty));
        Acknowledgement tagged = Sign(team, team[1].Id, VersionVector.From([new Dot(Team.AuthorityId, 1)])) with { Signature = default };
        await RefusedAsync(team, SyncError.BadSignature, tagged);
        await RefusedAsync(team, SyncError.BadSignature, tagged with { Tags = ChainTags.None, IsRelative = true });
    }

    private static Acknowledgement Sign(Team team, ReplicaId by, VersionVector held, NodeKey? key = null)
    {
        var plain = new Acknowledgement(by, ReplicaRole.Server, Team.Start, held);
        ChainTags tags = ChainTags.Of(held.Select(d => (d.Replica, team[0].Heads
            .Where(h => h.Author == d.Replica && h.Sequence == d.Sequence).Select(h => ChainTags.TagOf(h.Hash.Span)).FirstOrDefault())));
        byte[] data = SignedBytes.OfCustody(team.Genesis.Space, by, Team.Start, new Holding(held, tags));
        return plain with { Tags = tags, Signature = (key ?? DeterministicSignatures.KeyOf(by)).Sign(data) };
    }

    private static async Task AcceptedAsync(Team team, Acknowledgement statement)
    {
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await impostor.SayAsync(new StatementsMessage([statement]));
    }

    private static async Task RefusedAsync(Team team, SyncError expected, Acknowledgement statement)
    {
        int known = team[0].Acknowledgements.Count;
        var error = await Assert.ThrowsAsync<SyncException>(() => AcceptedAsync(team, statement));
        Assert.Equal((expected, known), (error.Error, team[0].Acknowledgements.Count));
    }
}
