using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>Why something is not synced, story by story: the reason, since when, and who can change it.</summary>
public class ExplanationTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    public async Task Without_any_server_it_is_told_that_there_is_none_and_how_many_devices_hold_it()
    {
        await using Team team = await Team.CreateAsync(3);
        Dot dot = await CommitAsync(team[0], "a", 1);
        Explanation alone = team[0].Why(dot);
        Assert.Equal((ExplanationCode.NoServerKnown, WhoActs.User), (alone.Code, alone.Who));
        Assert.Contains("no other device", alone.Reason);
        await team.MeetAsync(0, 1);
        Assert.Contains("1 paired device is", team[0].Why(dot).Reason);
        await team.MeetAsync(0, 2);
        Explanation shared = team[0].Why(dot);
        Assert.Equal(ExplanationCode.NoServerKnown, shared.Code);
        Assert.Contains("2 paired devices", shared.Reason);
        Assert.Equal(new[] { team[1].Id, team[2].Id }.Order(), shared.HeldBy);
        Assert.Equal(team[0].FindMutation(dot)!.Mutation.CreatedAt, shared.Since);
        Assert.Equal(shared.Code, team[0].Why(MutationId.Of(dot))!.Code);
        Assert.Equal(shared.Code, team[0].Why(Strike).Code);
    }

    [Fact]
    public async Task What_was_written_since_the_last_exchange_waits_for_the_next_and_then_it_is_told_where_it_is()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        Dot first = await CommitAsync(team[0], "a", 1);
        await team.MeetAsync(0, 1);
        Explanation done = team[0].Why(first);
        Assert.Equal((ExplanationCode.Synced, WhoActs.Nobody), (done.Code, done.Who));
        Assert.Contains($"server {team[1].Id}", done.Reason);
        Assert.Equal(done.Mutation!.SyncedAt, done.Since);
        Dot second = await CommitAsync(team[0], "a", 2);
        Explanation waiting = team[0].Why(second);
        Assert.Equal((ExplanationCode.NotYetMet, WhoActs.Itself), (waiting.Code, waiting.Who));
        Assert.Contains($"{team[1].Id}", waiting.Reason);
        Explanation entity = team[0].Why(Strike);
        Assert.Equal((ExplanationCode.NotYetMet, MutationId.Of(second).ToString()), (entity.Code, Assert.Single(entity.Parts).Subject));
        Assert.Equal(ExplanationCode.NotYetMet, team[0].Why(team[0].Id).Code);
        Assert.Equal(1, team[0].Why(team[0].Id).Device!.Pending);
        Assert.Equal(ExplanationCode.NotHere, team[1].Why(second).Code);
        await team.MeetAsync(0, 1);
        Assert.Equal(ExplanationCode.Synced, team[0].Why(Strike).Code);
        Assert.Equal(ExplanationCode.Synced, team[0].Why(team[0].Id).Code);
        Assert.Null(team[0].Why(Guid.Empty));
        Assert.Equal(ExplanationCode.NotHere, team[0].Why(new EntityKey("a", "b", "c")).Code);
    }

    [Fact]
    public async Task A_refused_mutation_holds_up_none_of_those_behind_it_and_tells_by_whom_and_why()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        team.Admissions[1] = RefuseWhere.Writes("bad");
        await team.ReopenAsync(1);
        Dot before = await CommitAsync(team[0], "a", 1);
        Dot refused = await CommitAsync(team[0], "b", "bad");
        Dot[] behind = [await CommitAsync(team[0], "c", 3), await CommitAsync(team[0], "d", 4)];
        await team.MeetAsync(0, 1);
        await team.MeetAsync(0, 1);
        foreach (Dot dot in behind.Append(before)) Assert.Equal(MutationStatus.Synced, team[0].FindMutation(dot)!.Status);
        foreach (int at in new[] { 0, 1 }) Assert.Equal(4, team[at].Get(Strike)!.GetInteger("d"));
        Explanation told = team[0].Why(refused);
        Assert.Equal((ExplanationCode.Refused, WhoActs.Author), (told.Code, told.Who));
        Assert.Contains($"{team[1].Id}", told.Reason);
        Assert.Contains("Not allowed here.", told.Reason);
        Assert.Equal(told.Refusal!.RefusedAt, told.Since);
        Assert.Equal(ExplanationCode.Refused, team[0].Why(Strike).Code);
        Assert.Equal(ExplanationCode.Refused, team[0].Why(team[0].Id).Code);

        CommitResult again = await team[0].ResubmitAsync(told.Refusal, edit => edit.Set("b", "good"), "ann");
        Assert.Equal((ExplanationCode.Refused, WhoActs.Nobody), (team[0].Why(refused).Code, team[0].Why(refused).Who));
        await team.MeetAsync(0, 1);
        Assert.Equal("good", team[1].Get(Strike)!.GetString("b"));
        QueuedMutation sent = team[0].FindMutation(new Dot(again.Replica, again.FirstSequence))!;
        Assert.Equal((MutationStatus.Synced, refused), (sent.Status, sent.Mutation.Origin!.Reissued));
        Assert.Equal(ExplanationCode.Synced, team[0].Why(Strike).Code);
    }

    [Fact]
    public async Task Every_mutation_of_a_refused_transaction_leads_to_its_refusal()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        team.Admissions[1] = RefuseWhere.Writes("bad");
        await team.ReopenAsync(1);
        for (int i = 0; i < 2; i++)
        {
            await team[0].CommitAsync(tx =>
            {
                tx.Upsert(Strike).Set("a", "bad");
                tx.Upsert(new EntityKey("incident", "strike", "43")).Set("a", i);
            });
        }
        await team.MeetAsync(0, 1);
        Assert.Equal([1L, 1, 3, 3], Enumerable.Range(1, 4).Select(s => team[0].FindRefusal(new Dot(team[0].Id, s))!.First.Sequence));
        Assert.Null(team[0].FindRefusal(new Dot(team[0].Id, 5)));
    }

    [Fact]
    public async Task A_conflict_names_the_field_and_the_values_that_stand_against_each_other()
    {
        await using Team team = await Team.CreateAsync(2, 1, ("incident/strike/species", ConflictPolicy.Manual));
        Dot gull = await CommitAsync(team[0], "species", "gull");
        await CommitAsync(team[1], "species", "heron");
        await team.MeetAllAsync();
        Explanation told = team[0].Why(gull);
        Assert.Equal((ExplanationCode.InConflict, WhoActs.User), (told.Code, told.Who));
        Conflict conflict = Assert.Single(told.Conflicts);
        Assert.Equal(("species", 2), (conflict.Path.ToString(), conflict.Siblings.Count));
        Assert.Equal(2, team[0].Why(Strike).Parts.Count);
        await team[1].CommitAsync(tx => tx.Resolve(conflict, conflict.Siblings[0]));
        await team.MeetAllAsync();
        Assert.Equal(ExplanationCode.Synced, team[0].Why(gull).Code);
    }

    [Fact]
    public async Task What_a_fence_has_cut_off_is_told_to_be_set_aside()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await CommitAsync(team[0], "a", 1);
        await team.MeetAsync(0, 2);
        ReplicaId former = team[0].Id;
        Dot unseen = await CommitAsync(team[0], "b", 2);
        await team[2].FenceAsync(former, FenceReason.Retired);
        Explanation device = team[2].Why(former);
        Assert.Equal((ExplanationCode.SetAside, WhoActs.Author), (device.Code, device.Who));
        Assert.Contains("Retired", device.Reason);
        Assert.NotNull(device.Since);
        await team.MeetAsync(0, 2);
        Explanation told = team[0].Why(unseen);
        Assert.Equal((ExplanationCode.SetAside, WhoActs.Itself), (told.Code, told.Who));
        Assert.Contains("written again", told.Next);
    }

    [Fact]
    public async Task A_device_that_is_not_enrolled_is_told_so()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await using Replica stranger = await KeyedTeam.OpenOtherAsync(team, 50);
        Explanation told = stranger.Why(stranger.Id);
        Assert.Equal((ExplanationCode.NotEnrolled, WhoActs.Operator), (told.Code, told.Who));
        Assert.Contains("not enrolled", told.Reason);
    }

    [Fact]
    public async Task What_an_audit_found_is_told_first()
    {
        await using Team team = await Team.CreateAsync(1);
        Dot dot = await CommitAsync(team[0], "a", 1);
        AuditReport sound = await team[0].AuditAsync();
        Assert.Equal(ExplanationCode.NoServerKnown, team[0].Why(dot, sound).Code);
        AuditReport found = sound with { Unaccounted = [new UnaccountedSibling(Strike, "a", dot, IsHeld: false)] };
        Assert.Equal((ExplanationCode.Unaccounted, WhoActs.Operator), (team[0].Why(dot, found).Code, team[0].Why(dot, found).Who));
        Assert.Contains(team[0].Why(Strike, found).Parts, p => p.Code == ExplanationCode.Unaccounted);
    }

    [Theory]
    [InlineData(SyncErrorClass.Transient, ExplanationCode.PeerUnreachable, WhoActs.Itself)]
    [InlineData(SyncErrorClass.Authorisation, ExplanationCode.Unauthorised, WhoActs.Operator)]
    [InlineData(SyncErrorClass.Policy, ExplanationCode.Forbidden, WhoActs.Operator)]
    [InlineData(SyncErrorClass.Permanent, ExplanationCode.Incompatible, WhoActs.Operator)]
    public async Task Failed_attempts_are_told_with_what_is_pending(SyncErrorClass error, ExplanationCode code, WhoActs who)
    {
        var clock = new FakeTimeProvider(Team.Start);
        var journal = new MemoryJournal();
        SpaceGenesis genesis = SpaceGenesis.Create(Team.AuthorityId, "test", [], clock);
        await using Replica replica = await Replica.OpenAsync(
            new MemoryReplicaStore(new(genesis.Space, Team.IdOf(1), ReplicaRole.Client)),
            new ReplicaOptions { Time = clock, Genesis = genesis, Journal = journal });
        Fail();
        clock.Advance(TimeSpan.FromMinutes(1));
        Dot dot = await CommitAsync(replica, "a", 1);
        Assert.Equal((0, null), (replica.FindMutation(dot)!.Attempts, replica.FindMutation(dot)!.LastError));
        for (int i = 0; i < 3; i++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            Fail();
        }
        DateTimeOffset next = clock.GetUtcNow().AddSeconds(30);
        journal.Update("server:1", p => p.Waiting(TimeSpan.FromSeconds(30), next));
        QueuedMutation queued = replica.FindMutation(dot)!;
        Assert.Equal((3, "Broken", next), (queued.Attempts, queued.LastError!.Code, queued.NextAttempt));
        Explanation told = replica.Why(dot);
        Assert.Equal((code, who), (told.Code, told.Who));
        Assert.Contains("4 attempts to reach server:1", told.Reason);
        Assert.Equal(Team.Start, told.Since);
        Assert.Equal("server:1", told.Peer!.Peer);
        journal.Update("server:1", p => p.Succeeded(clock.GetUtcNow(), Guid.Empty));
        Assert.Equal((0, ExplanationCode.NoServerKnown), (replica.FindMutation(dot)!.Attempts, replica.Why(dot).Code));

        void Fail() => journal.Update("server:1", p => p.Failed(new SyncFailure(clock.GetUtcNow(), error, "Broken", "It broke.")));
    }

    [Fact]
    public void Of_many_failures_the_newest_are_kept_and_those_since_a_time_are_counted()
    {
        var peer = new PeerAttempts("a:1");
        for (int i = 0; i < 40; i++)
            peer = peer.Failed(new SyncFailure(Team.Start.AddMinutes(i), SyncErrorClass.Transient, "Lost", "Lost."));
        Assert.Equal((40, PeerAttempts.RecentMax), (peer.Attempts, peer.RecentFailures.Count));
        Assert.Equal(40, peer.AttemptsSince(Team.Start));
        Assert.Equal(5, peer.AttemptsSince(Team.Start.AddMinutes(35)));
        Assert.Equal(0, peer.AttemptsSince(Team.Start.AddMinutes(40)));
        Assert.Equal(0, peer.Succeeded(Team.Start, Guid.Empty).AttemptsSince(default));
    }

    private static async Task<Dot> CommitAsync(Replica replica, string field, Value value)
    {
        CommitResult made = await replica.CommitAsync(tx => tx.Upsert(Strike).Set(field, value));
        return new Dot(made.Replica, made.FirstSequence);
    }

    private sealed class MemoryJournal : ISyncJournal
    {
        private readonly Dictionary<string, PeerAttempts> peers = [];

        public IReadOnlyList<PeerAttempts> Peers => [.. peers.Values];

        public PeerAttempts? Find(string peer) => peers.GetValueOrDefault(peer);

        public void Update(string peer, Func<PeerAttempts, PeerAttempts> change) =>
            peers[peer] = change(peers.GetValueOrDefault(peer) ?? new PeerAttempts(peer));
    }
}
