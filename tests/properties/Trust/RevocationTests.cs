using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>Revocation takes trust away from a key, under whatever id; retirement ends an id, and no more.</summary>
[Trait("Law", "13")]
[Trait("Law", "15")]
public class RevocationTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    [Trait("Spec", "WF-7.3")]
    public async Task Revoking_a_device_with_two_ids_ends_both_logs_where_the_server_holds_them()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("first", 1));
        await using Replica second = await KeyedTeam.OpenOtherAsync(team, 70, key: KeyedTeam.KeyOf(2));
        await second.CommitAsync(tx => tx.Create(Key("second")));
        await team.MeetAsync(1, 2);
        await Team.MeetAsync(second, team[2]);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("first", 2));
        await second.CommitAsync(tx => tx.Create(Key("unseen")));
        (ReplicaId one, ReplicaId two) = (team[1].Id, second.Id);

        Assert.Equal(2, (await team[2].FenceAsync(one, FenceReason.Revoked)).Count);
        Assert.Equal([(one, 2L), (two, 2L)], team[2].Fences.OrderBy(f => f.Replica != one).Select(f => (f.Replica, f.Sequence)));
        Assert.All(team[2].Fences, f => Assert.Equal(FenceReason.Revoked, f.Reason));
        Assert.Equal(0, (await team[2].FenceAsync(two, FenceReason.Revoked)).Count);

        await team.MeetAllAsync();
        await Team.MeetAsync(second, team[0]);
        Assert.All(team.Replicas.Append(second), r => Assert.Equal(1, r.Get(Strike)!.GetInteger("first")));
        Assert.All(team.Replicas.Append(second), r => Assert.Null(r.Get(Key("unseen"))));
        Assert.All(team.Replicas.Append(second), r => Assert.NotNull(r.Get(Key("second"))));
        // It took a new id, and is not believed under that either.
        Assert.NotEqual(one, team[1].Id);
        await FailsAsync(MutationError.KeyRevoked, team[1].CommitAsync(tx => tx.Create(Key("more"))));
        await FailsAsync(MutationError.KeyRevoked, second.CommitAsync(tx => tx.Create(Key("more"))));
        Assert.Equal(1, team[1].PendingReissues);
        await AssertEqualAsync(team);
    }

    [Fact]
    [Trait("Spec", "WF-7.3")]
    public async Task What_a_revoked_key_signs_under_an_id_that_nobody_knew_counts_nowhere()
    {
        await using Team team = await KeyedTeam.CreateAsync(3, 1);
        await team.MeetAllAsync();
        await using Replica before = await KeyedTeam.OpenOtherAsync(team, 70, key: KeyedTeam.KeyOf(2));
        await using Replica after = await KeyedTeam.OpenOtherAsync(team, 71, key: KeyedTeam.KeyOf(2));
        await before.CommitAsync(tx => tx.Create(Strike));
        await after.CommitAsync(tx => tx.Create(Key("after")));
        await Team.MeetAsync(before, team[0]);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("built", "upon"));
        await team[3].FenceAsync(team[1].Id, FenceReason.Revoked);
        await team.MeetAsync(2, 3);

        // A device that knows takes nothing of it, from whomever, and goes on with everybody else.
        await Team.MeetAsync(after, team[2]);
        await Team.MeetAsync(after, team[0]);
        await team[1].CommitAsync(tx => tx.Create(Key("mine")));
        await team.MeetAsync(0, 2);
        Assert.Null(team[2].Get(Strike));
        Assert.Null(team[2].Get(Key("after")));
        Assert.Empty(team[2].Forks);
        Assert.NotNull(team[0].Get(Strike));

        // A server that hears of it says that nothing of it counts.
        await team.MeetAsync(0, 3);
        Assert.Equal([team[1].Id, before.Id], team[3].Fences.Select(f => f.Replica), SetComparer);
        await Team.MeetAsync(after, team[3]);
        Assert.All(team[3].Fences, f => Assert.Equal(0, f.Sequence));
        Assert.Equal([team[1].Id, before.Id, after.Id], team[3].Fences.Select(f => f.Replica), SetComparer);
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Null(r.Get(Key("after"))));
        Assert.All(team.Replicas, r => Assert.Null(r.Get(Key("mine"))));
        await AssertEqualAsync(team);
    }

    [Fact]
    public async Task A_revoked_key_is_enrolled_for_no_other_id_and_an_enrolment_that_arrives_is_not_honoured()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 2);
        await team.MeetAllAsync();
        Enrolment again = Enrolment.Issue(
            Team.AuthorityKey, team.Genesis.Space, Team.IdOf(50), KeyedTeam.KeyOf(2).PublicKey, ReplicaRole.Client);
        await team[2].FenceAsync(team[1].Id, FenceReason.Revoked);
        await FailsAsync(MutationError.KeyRevoked, team[2].EnrolAsync(again));
        Assert.DoesNotContain(team[2].Enrolments, e => e.Replica == again.Replica);

        await team[3].EnrolAsync(again);
        await using Replica device = await KeyedTeam.OpenOtherAsync(team, 50, key: KeyedTeam.KeyOf(2));
        await Team.MeetAsync(device, team[3]);
        await device.CommitAsync(tx => tx.Create(Strike));
        await Team.MeetAsync(device, team[3]);
        Assert.NotNull(team[3].Get(Strike));
        await team.MeetAllAsync();
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Null(r.Get(Strike)));
        Assert.All(team.Replicas, r => Assert.Equal(0, r.Fences.Single(f => f.Replica == again.Replica).Sequence));
        await Team.MeetAsync(device, team[0]);
        await FailsAsync(MutationError.KeyRevoked, device.CommitAsync(tx => tx.Create(Strike)));
        await AssertEqualAsync(team);
    }

    [Fact]
    public async Task A_retired_device_that_returns_is_enrolled_with_the_same_key_and_writes_its_unsynced_work_again()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("x", 1).Increment("n", 2));
        await team.MeetAllAsync();
        ReplicaId retired = team[1].Id;
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("x", 2).Increment("n", 3), "ben");
        await team[2].FenceAsync(retired, FenceReason.Retired);
        await team[2].EnrolAsync(Enrolment.Issue(
            Team.AuthorityKey, team.Genesis.Space, Team.IdOf(50), KeyedTeam.KeyOf(2).PublicKey, ReplicaRole.Client));
        await team.MeetAllAsync();
        Assert.Equal([retired], team[1].FormerIds);
        Assert.All(team.Replicas, r => Assert.Equal(2, r.Get(Strike)!.GetInteger("x")));
        Assert.All(team.Replicas, r => Assert.Equal((Int128)5, r.Get(Strike)!.GetCounter("n")));
        Assert.Equal("ben", Assert.Single(team[2].Mutations(new() { Author = team[1].Id }), m => m.Mutation.Origin is not null).Mutation.User);
        // Under the id that it was given as well.
        await using Replica other = await KeyedTeam.OpenOtherAsync(team, 50, key: KeyedTeam.KeyOf(2));
        await Team.MeetAsync(other, team[2]);
        await other.CommitAsync(tx => tx.Create(Key("other")));
        await Team.MeetAsync(other, team[2]);
        Assert.NotNull(team[2].Get(Key("other")));
        await team.MeetAllAsync();
        await AssertEqualAsync(team);
    }

    [Fact]
    public async Task A_retired_device_may_be_revoked_later_and_its_further_id_with_it()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("x", 1));
        await team.MeetAllAsync();
        ReplicaId retired = team[1].Id;
        await team[2].FenceAsync(retired, FenceReason.Retired);
        await team.MeetAllAsync();
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("x", 2));
        await team.MeetAllAsync();
        ReplicaId further = team[1].Id;
        Assert.Equal(2, (await team[2].FenceAsync(retired, FenceReason.Revoked)).Count);
        Assert.Equal([retired, further], team[2].Fences.Select(f => f.Replica), SetComparer);
        Assert.All(team[2].Fences, f => Assert.Equal(FenceReason.Revoked, f.Reason));
        await team.MeetAllAsync();
        await FailsAsync(MutationError.KeyRevoked, team[1].CommitAsync(tx => tx.Update(Strike).Set("x", 3)));
        Assert.All(team.Replicas, r => Assert.Equal(2, r.Get(Strike)!.GetInteger("x")));
        await AssertEqualAsync(team);
    }

    [Fact]
    public async Task A_revoked_device_goes_on_with_another_key_and_writes_its_work_again()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        var store = new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(1), ReplicaRole.Client));
        ReplicaOptions options = KeyedTeam.OptionsOf(team, KeyedTeam.KeyOf(1)) with { NewReplicaId = () => Team.IdOf(60) };
        Replica device = await Replica.OpenAsync(store, options);
        await device.CommitAsync(tx => tx.Create(Strike).Set("x", 1));
        await Team.MeetAsync(device, team[1]);
        await device.CommitAsync(tx => tx.Update(Strike).Set("x", 2));
        await team[1].FenceAsync(device.Id, FenceReason.Revoked);
        await Team.MeetAsync(device, team[1]);
        Assert.Equal((Team.IdOf(60), 1), (device.Id, device.PendingReissues));
        await team[1].EnrolAsync(KeyedTeam.Issue(team, 60));
        device = await Replica.OpenAsync(store, options with { Key = KeyedTeam.KeyOf(60) });
        await Team.MeetAsync(device, team[1]);
        await Team.MeetAsync(device, team[1]);
        Assert.Equal(0, device.PendingReissues);
        Assert.Equal(2, team[1].Get(Strike)!.GetInteger("x"));
    }

    [Fact]
    [Trait("Spec", "WF-4.15")]
    public async Task What_a_courier_brings_of_a_device_that_was_revoked_before_any_of_its_work_had_arrived_is_kept_aside()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team.MeetAllAsync();
        ReplicaId lost = team[1].Id;
        // Under a second id, too, that the founding does not name.
        await using Replica second = await KeyedTeam.OpenOtherAsync(team, 70, key: KeyedTeam.KeyOf(2));
        foreach (int height in new[] { 100, 120 })
        {
            await team[1].CommitAsync(tx => tx.Upsert(Strike).Set("height", height));
            await second.CommitAsync(tx => tx.Upsert(Key("second")).Set("height", height));
            await team.MeetAsync(0, 1);
            await Team.MeetAsync(second, team[0]);
        }
        await team[2].FenceAsync(lost, FenceReason.Revoked);
        for (int i = 0; i < 3; i++) await team.MeetAsync(0, 2);
        Assert.Equal([lost, second.Id], team[2].Fences.Where(f => f.Sequence == 0).Select(f => f.Replica), SetComparer);
        Assert.Null(team[2].Get(Strike));
        Assert.Equal(4, team[0].SetAside.Count);
        Assert.Equal(team[0].SetAside.Select(Describe), team[2].SetAside.Select(Describe));
        await team.ReopenAsync(2);
        // Whoever has it now can take it up, and then the courier need not keep it.
        Assert.False((await team[0].GetCustodyAsync()).IsSafeToWipe);
        foreach (ReplicaId author in new[] { lost, second.Id }) Assert.Equal(2, await team[2].ReissueAsync(author));
        await team.MeetAsync(0, 2);
        await team.MeetAsync(0, 2);
        Assert.All([team[0], team[2]], r => Assert.Equal(120, r.Get(Strike)!.GetInteger("height")));
        Assert.All([team[0], team[2]], r => Assert.Equal(120, r.Get(Key("second"))!.GetInteger("height")));
        Assert.True((await team[0].GetCustodyAsync()).IsSafeToWipe);

        static (ReplicaId, long, long, ulong) Describe(SetAsideRun run) => (run.Author, run.FirstSequence, run.LastSequence, run.Id);
    }

    [Fact]
    public async Task So_is_what_comes_in_a_bundle_that_was_written_before_and_nothing_that_somebody_else_signed()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team.MeetAllAsync();
        ReplicaId lost = team[1].Id;
        foreach (int height in new[] { 100, 120 })
        {
            await team[1].CommitAsync(tx => tx.Upsert(Strike).Set("height", height));
            await team.MeetAsync(0, 1);
        }
        using var bundle = new MemoryStream();
        await team[1].ExportBundleAsync(bundle, VersionVector.Empty);
        await team[2].FenceAsync(lost, FenceReason.Revoked);
        BatchRun forged = new Forger(team, lost) { Key = KeyedTeam.KeyOf(60) }.First(Strike);
        using (var session = new SyncSession(team[2]))
        {
            Impostor impostor = await Impostor.GreetAsync(session);
            await impostor.SayAsync(new RunMessage(forged));
            await impostor.SayAsync(new AsideMessage(forged, AuthorTable.ChainStart(lost)));
        }
        Assert.Empty(team[2].SetAside);
        for (int i = 0; i < 2; i++)
        {
            bundle.Position = 0;
            await team[2].ImportBundleAsync(bundle);
        }
        Assert.Null(team[2].Get(Strike));
        Assert.Equal([(lost, 1L, 2L), (lost, 3L, 3L)], team[2].SetAside.Select(a => (a.Author, a.FirstSequence, a.LastSequence)));
        await team.MeetAsync(0, 2);
        await team.MeetAsync(0, 2);
        Assert.Equal(2, team[2].SetAside.Count);
    }

    [Fact]
    [Trait("Spec", "WF-2.16")]
    public async Task Nobody_makes_a_revocation_of_a_retirement_on_the_way()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAllAsync();
        await team[2].FenceAsync(team[1].Id, FenceReason.Retired);
        Fence fence = Assert.Single(team[2].Fences);
        await team[0].HearAsync([fence with { Reason = FenceReason.Revoked }], default);
        Assert.Empty(team[0].Fences);
        await team[0].HearAsync([fence], default);
        Assert.Equal(FenceReason.Retired, Assert.Single(team[0].Fences).Reason);
    }

    [Fact]
    public async Task Nobody_revokes_its_own_key()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await using Replica further = await KeyedTeam.OpenOtherAsync(team, 70, ReplicaRole.Server, KeyedTeam.KeyOf(2));
        await Assert.ThrowsAsync<ArgumentException>(() => further.FenceAsync(team[1].Id, FenceReason.Revoked).AsTask());
        Assert.Equal(1, (await further.FenceAsync(team[1].Id, FenceReason.Retired)).Count);
    }

    private static readonly IEqualityComparer<IEnumerable<ReplicaId>> SetComparer =
        EqualityComparer<IEnumerable<ReplicaId>>.Create((a, b) => a!.ToHashSet().SetEquals(b!), a => a.Count());

    private static EntityKey Key(string id) => new("incident", "strike", id);

    private static async Task FailsAsync(MutationError error, ValueTask<CommitResult> work) =>
        Assert.Equal(error, (await Assert.ThrowsAsync<MutationException>(() => work.AsTask())).Error);

    private static async Task AssertEqualAsync(Team team)
    {
        string expected = await World.DumpAsync(team[0]);
        for (int i = 0; i < team.Replicas.Count; i++)
        {
            Assert.Equal(team[0].Vector, team[i].Vector);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
            Assert.Empty((await team[i].AuditAsync()).Unaccounted);
            await team.ReopenAsync(i);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
        }
    }
}
