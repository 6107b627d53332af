using Crdt.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>What nobody may write in a keyed space is refused by everybody, with one error each, and leaves no trace.</summary>
public class HostileAuthorTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    [Trait("Spec", "WF-7.3")]
    [Trait("Law", "15")]
    public async Task A_run_of_an_author_who_is_not_enrolled_is_refused()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        Dot somebodyElses = team[0].Writer.Trust.FindDot(Team.IdOf(2))!.Value;
        await RefusedAsync(team, SyncError.NotEnrolled, new Forger(team, Team.IdOf(50)) { Enrolled = somebodyElses }.First(Strike));
        await RefusedAsync(team, SyncError.NotEnrolled,
            new Forger(team, Team.IdOf(50)) { Enrolled = new Dot(Team.AuthorityId, 1) }.First(Strike));
    }

    [Fact]
    [Trait("Error", nameof(SyncError.EnrolmentNotNamed))]
    [Trait("Spec", "WF-7.3")]
    [Trait("Law", "15")]
    public async Task A_first_batch_that_does_not_name_its_enrolment_is_refused()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        await RefusedAsync(team, SyncError.EnrolmentNotNamed, new Forger(team, Team.IdOf(2)) { Joins = false }.First(Strike));
        await RefusedAsync(team, SyncError.EnrolmentNotNamed, new Forger(team, Team.IdOf(50)) { Joins = false }.First(Strike));
    }

    [Fact]
    public async Task A_first_batch_that_came_before_its_enrolment_is_refused_as_any_that_came_before_its_cause()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        await RefusedAsync(team, SyncError.UnknownObservedDot,
            new Forger(team, Team.IdOf(50)) { Enrolled = new Dot(Team.AuthorityId, 7), Proof = KeyedTeam.Issue(team, 50) }.First(Strike));
    }

    [Fact]
    [Trait("Error", nameof(SyncError.WrongRole))]
    [Trait("Spec", "WF-7.3")]
    [Trait("Law", "15")]
    public async Task Nobody_writes_in_a_higher_role_than_it_is_enrolled_in()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        foreach (ReplicaRole role in new[] { ReplicaRole.Server, ReplicaRole.Authority })
            await RefusedAsync(team, SyncError.WrongRole, new Forger(team, Team.IdOf(2)) { Role = role }.First(Strike));
        await RefusedAsync(team, SyncError.WrongRole, new Forger(team, Team.IdOf(3)) { Role = ReplicaRole.Authority }.First(Strike));
        BatchRun first = new Forger(team, Team.IdOf(2)).First(Strike);
        await team[0].ApplyAsync(first, default);
        await RefusedAsync(team, SyncError.WrongRole,
            new Forger(team, Team.IdOf(2)) { Role = ReplicaRole.Server }.Next(first, new("incident", "strike", "43")));
    }

    [Fact]
    [Trait("Law", "15")]
    public async Task Nobody_without_the_role_marks_purges_or_fences()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        var target = new Dot(team[0].Id, 2);
        BatchRun client = new Forger(team, Team.IdOf(2)).First(new("incident", "strike", "43"));
        var server = new Forger(team, Team.IdOf(3)) { Role = ReplicaRole.Server };
        BatchRun served = server.First(new("incident", "strike", "44"));
        await team[0].ApplyAsync(client, default);
        await team[0].ApplyAsync(served, default);
        foreach (MutationKind kind in new[] { MutationKind.Mark, MutationKind.Purge, MutationKind.Fence })
        {
            await RefusedAsync(team, SyncError.BadBatch, new Forger(team, Team.IdOf(2)).Annotate(client, kind, Strike, target));
            foreach (ReplicaRole role in new[] { ReplicaRole.Server, ReplicaRole.Authority })
            {
                await RefusedAsync(team, SyncError.WrongRole,
                    new Forger(team, Team.IdOf(2)) { Role = role }.Annotate(client, kind, Strike, target));
            }
            // With the role it is accepted: nothing but the role was wrong with it.
            await using Team other = await KeyedTeam.CreateAsync(2, 1);
            await other[0].CommitAsync(tx => tx.Create(Strike));
            BatchRun first = new Forger(other, Team.IdOf(3)) { Role = ReplicaRole.Server }.First(new("incident", "strike", "44"));
            await other[1].ApplyAsync(first, default);
            await other.MeetAsync(0, 1);
            Assert.True(await other[1].ApplyAsync(
                new Forger(other, Team.IdOf(3)) { Role = ReplicaRole.Server }.Annotate(first, kind, Strike, target), default));
        }
    }

    [Fact]
    public async Task A_server_may_write_in_the_client_role_for_people_who_work_through_it()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        Assert.True(await team[0].ApplyAsync(new Forger(team, Team.IdOf(2)).First(Strike), default));
        Assert.Equal(ReplicaRole.Client, team[0].Get(Strike)!.Siblings(FieldPath.Root).Single().Role);
    }

    [Fact]
    [Trait("Spec", "WF-7.2")]
    [Trait("Law", "15")]
    public async Task A_head_that_its_author_has_not_signed_is_refused()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        ReplicaId author = Team.IdOf(2);
        BatchRun first = new Forger(team, author).First(Strike);
        BatchRun[] Forged(BatchRun run) =>
        [
            new Forger(team, author) { Key = KeyedTeam.KeyOf(1) }.Sign(run),
            new Forger(team, author) { Key = Team.AuthorityKey }.Sign(run),
            new Forger(team, author) { Space = SpaceId.FromBytes(new byte[32]) }.Sign(run),
            run with { Head = run.Head[..32] },
            run with { Head = run.Head[..^1] },
            run with { Head = (byte[])[.. run.Head.Span, 0] },
            run with { Head = (byte[])[.. run.Head.Span[..32], .. Team.AuthorityKey.Sign([])] },
        ];
        foreach (BatchRun run in Forged(first)) await RefusedAsync(team, SyncError.BadSignature, run);
        Assert.True(await team[0].ApplyAsync(first, default));
        BatchRun next = new Forger(team, author).Next(first, new("incident", "strike", "43"));
        foreach (BatchRun run in Forged(next)) await RefusedAsync(team, SyncError.BadSignature, run);
        // Signed for another place in the log.
        BatchRun moved = new Forger(team, author).Sign(next with { LastSequence = 9 }) with { LastSequence = next.LastSequence };
        await RefusedAsync(team, SyncError.BadSignature, moved);
        Assert.True(await team[0].ApplyAsync(next, default));
    }

    [Fact]
    [Trait("Law", "15")]
    public async Task Nobody_makes_a_replica_believe_that_its_id_is_in_use_twice_by_a_run_that_it_did_not_sign()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        for (int round = 0; round < 2; round++)
        {
            BatchRun run = new Forger(team, team[0].Id) { Key = KeyedTeam.KeyOf(2) }.First(Strike);
            BatchRun more = new Forger(team, team[0].Id) { Key = KeyedTeam.KeyOf(2) }.Next(run, new("incident", "strike", "43"));
            await RefusedAsync(team, SyncError.BadSignature, round == 0 ? run : more);
            await team[0].CommitAsync(tx => tx.Upsert(Strike).Increment("seen"));
            await team[0].CloseRunAsync(default);
        }
    }

    [Fact]
    public async Task A_run_that_was_verified_beside_the_turn_is_still_bound_to_its_chain()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        var forger = new Forger(team, Team.IdOf(2));
        BatchRun first = forger.First(Strike);
        await team[0].ApplyAsync(first, default);
        BatchRun next = forger.Next(first, new("incident", "strike", "43")), other = forger.Next(first, new("incident", "strike", "44"));
        string before = await World.DumpAsync(team[0]);
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await impostor.SayAsync(new RunMessage(next with { Batches = other.Batches }));
        Assert.Equal(before, await World.DumpAsync(team[0]));
        var error = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(new ChainMessage(first.Author,
            [new ChainHead(first.Author, first.LastSequence, first.Head[..32]) { Signature = first.Head[32..] }])).AsTask());
        Assert.Equal(SyncError.ChainBroken, error.Error);
    }

    [Fact]
    [Trait("Spec", "WF-7.2")]
    public async Task In_an_open_space_a_signature_is_refused()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[1].CommitAsync(tx => tx.Create(Strike));
        BatchRun run = (await World.RunsOfAsync(team[1]))[^1];
        await RefusedAsync(team, SyncError.BadSignature, new Forger(team, team[1].Id).Sign(run));
        Assert.True(await team[0].ApplyAsync(run, default));
    }

    [Fact]
    [Trait("Spec", "WF-7.2")]
    public async Task A_founding_that_its_authority_has_not_signed_is_refused_and_the_true_one_taken()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        var store = new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(50), ReplicaRole.Client));
        await using Replica newcomer = await Replica.OpenAsync(store, KeyedTeam.OptionsOf(team, null) with { Genesis = null });
        BatchRun founding = team.Genesis.ToRun() with { IsFounding = false };
        BatchRun forged = new Forger(team, Team.AuthorityId) { Key = KeyedTeam.KeyOf(50) }.Sign(founding);
        foreach (BatchRun bad in new[] { forged, founding with { Head = founding.Head[..32] } })
        {
            var error = await Assert.ThrowsAsync<ApplyException>(() => newcomer.ApplyAsync(bad, default).AsTask());
            Assert.Equal(ApplyError.BadSignature, error.Error);
        }
        Assert.False(newcomer.IsKeyed);
        Assert.Empty(newcomer.Enrolments);
        await Team.MeetAsync(team[0], newcomer);
        Assert.Equal((true, 2), (newcomer.IsKeyed, newcomer.Enrolments.Count));
    }

    [Fact]
    [Trait("Spec", "WF-7.3")]
    [Trait("Law", "15")]
    public async Task A_certificate_holds_for_one_replica_id_in_one_space_under_one_key_and_role()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        Enrolment good = KeyedTeam.Issue(team, 60);
        Enrolment ofAnotherSpace = Enrolment.Issue(Team.AuthorityKey, SpaceId.FromBytes(new byte[32]), Team.IdOf(50),
            KeyedTeam.KeyOf(50).PublicKey, ReplicaRole.Client);
        Enrolment ofAnotherKey = Enrolment.Issue(KeyedTeam.KeyOf(50), team.Genesis.Space, Team.IdOf(50),
            KeyedTeam.KeyOf(50).PublicKey, ReplicaRole.Client);
        Enrolment right = KeyedTeam.Issue(team, 50);
        Enrolment[] replayed =
        [
            new(Team.IdOf(50), good.PublicKey, good.Role, good.Owner, good.Certificate),
            new(Team.IdOf(50), KeyedTeam.KeyOf(50).PublicKey, ReplicaRole.Client, null, good.Certificate),
            new(Team.IdOf(50), right.PublicKey, ReplicaRole.Server, null, right.Certificate),
            new(Team.IdOf(50), right.PublicKey, right.Role, "Mallory", right.Certificate),
            new(Team.IdOf(50), right.PublicKey, right.Role), ofAnotherSpace, ofAnotherKey,
        ];
        foreach (Enrolment enrolment in replayed)
        {
            // A hostile server writes it as it is: it is data, and enrols nobody.
            await using Team victims = await KeyedTeam.CreateAsync(1, 1);
            var server = new Forger(victims, Team.IdOf(2)) { Role = ReplicaRole.Server };
            BatchRun run = server.First(enrolment.Key, [.. EnrolmentFields.Of(enrolment)]);
            Assert.True(await victims[0].ApplyAsync(run, default));
            Assert.DoesNotContain(victims[0].Enrolments, e => e.Replica == Team.IdOf(50));
            foreach (Enrolment? proof in new[] { enrolment, null })
            {
                await RefusedAsync(victims, SyncError.NotEnrolled,
                    new Forger(victims, Team.IdOf(50)) { Enrolled = new Dot(Team.IdOf(2), 2), Proof = proof }.First(Strike));
            }
        }
        // A true one of another node does not hold under one's own key.
        await RefusedAsync(team, SyncError.BadSignature,
            new Forger(team, Team.IdOf(50)) { Of = Team.IdOf(1) }.First(Strike));
        await RefusedAsync(team, SyncError.BadSignature,
            new Forger(team, Team.IdOf(50)) { Of = Team.IdOf(60), Enrolled = new Dot(Team.AuthorityId, 7), Proof = good }.First(Strike));
    }

    [Fact]
    [Trait("Law", "15")]
    public async Task A_client_enrols_nobody_even_with_a_true_certificate_and_takes_no_enrolment_away()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        Enrolment issued = KeyedTeam.Issue(team, 50);
        BatchRun run = new Forger(team, Team.IdOf(2)).First(issued.Key, [.. EnrolmentFields.Of(issued)]);
        Assert.True(await team[0].ApplyAsync(run, default));
        Assert.DoesNotContain(team[0].Enrolments, e => e.Replica == Team.IdOf(50));
        await RefusedAsync(team, SyncError.NotEnrolled,
            new Forger(team, Team.IdOf(50)) { Enrolled = new Dot(Team.IdOf(2), 2) }.First(Strike));
        await RefusedAsync(team, SyncError.NotEnrolled,
            new Forger(team, Team.IdOf(50)) { Of = Team.IdOf(2), Enrolled = new Dot(Team.IdOf(2), 2), Role = ReplicaRole.Server }.First(Strike));
        Assert.Equal(ReplicaRole.Client, team[0].Enrolments.Single(e => e.Replica == Team.IdOf(2)).Role);
    }

    [Fact]
    public async Task Of_two_enrolments_of_one_id_counts_the_one_that_its_first_mutation_names_in_whatever_order_they_came()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 2);
        Enrolment asClient = KeyedTeam.Issue(team, 50), asServer = KeyedTeam.Issue(team, 50, ReplicaRole.Server);
        await team[2].EnrolAsync(asClient);
        await team[3].EnrolAsync(asServer);
        await team.MeetAsync(2, 0);
        await team.MeetAsync(3, 1);
        BatchRun run = new Forger(team, Team.IdOf(50))
        {
            Enrolled = new Dot(team[3].Id, 2),
            Proof = asServer,
            Role = ReplicaRole.Server,
        }.First(Strike);
        Assert.True(await team[1].ApplyAsync(run, default));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(ReplicaRole.Server, r.Enrolments.Single(e => e.Replica == Team.IdOf(50)).Role));
        Assert.All(team.Replicas, r => Assert.True(r.Get(Strike)!.Exists));
    }

    [Fact]
    public async Task A_founding_with_a_key_and_no_scheme_is_refused()
    {
        var columns = new BatchColumns { Role = ReplicaRole.Authority };
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.Timestamp, row.EndsTransaction) = (MutationKind.Create, new HybridTimestamp(1), true);
        row.Entity = columns.Entities.GetOrAdd(SpaceGenesis.SettingsKey);
        ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
        (root.HasValue, root.Value) = (true, Value.True);
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd(Founding.KeyField));
        (change.HasValue, change.Value) = (true, Value.From(Team.AuthorityKey.PublicKey.Span));
        byte[] batch = new BatchWriter().Write(columns, 1);
        byte[] head = AuthorTable.ChainNext(AuthorTable.ChainStart(Team.AuthorityId), batch);
        await using Replica newcomer = await Replica.OpenAsync(
            new MemoryReplicaStore(new(SpaceId.FromBytes(head), Team.IdOf(1), ReplicaRole.Client)),
            new ReplicaOptions { Time = new FakeTimeProvider(Team.Start) });
        var run = new BatchRun(Team.AuthorityId, 1, [batch], 1, head);
        var error = await Assert.ThrowsAsync<ApplyException>(() => newcomer.ApplyAsync(run, default).AsTask());
        Assert.Equal(ApplyError.UnknownScheme, error.Error);
    }

    /// <summary>The first device hears the run from a stranger: the session ends, and nothing of it stays.</summary>
    private static async Task RefusedAsync(Team team, SyncError expected, BatchRun run)
    {
        string before = await World.DumpAsync(team[0]);
        (VersionVector vector, int log, int members) = (team[0].Vector, Batches(team[0]), team[0].Enrolments.Count);
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        var error = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(new RunMessage(run)).AsTask());
        Assert.Equal(expected, error.Error);
        Assert.Equal(before, await World.DumpAsync(team[0]));
        Assert.Equal((vector, log, members), (team[0].Vector, Batches(team[0]), team[0].Enrolments.Count));
    }

    private static int Batches(Replica replica) =>
        replica.Store.ReadLog(default).Count(e => e.Entry.Kind != LogEntryKind.Note);
}
