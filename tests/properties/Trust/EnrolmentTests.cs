using Crdt.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>Who takes part in a keyed space, and from when on.</summary>
public class EnrolmentTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    [Trait("Spec", "WF-7.3")]
    public async Task Whom_the_founding_enrols_writes_at_once_and_names_its_enrolment_first()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        Assert.True(team[0].IsKeyed);
        Assert.Equal([ReplicaRole.Client, ReplicaRole.Server, ReplicaRole.Authority],
            team[0].Enrolments.OrderBy(e => e.Role).Select(e => e.Role));
        CommitResult result = await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        Assert.Equal(2, result.FirstSequence);
        Mutation joining = team[0].FindMutation(new Dot(team[0].Id, 1))!.Mutation;
        Assert.Equal((MutationKind.Update, $"$space/enrolment/{team[0].Id}", true),
            (joining.Kind, $"{joining.Key}", joining.EndsTransaction));
        Assert.Equal(Team.AuthorityId, Assert.Single(joining.Changes[0].Observed).Replica);
        await team.MeetAsync(0, 1);
        Assert.Equal("gull", team[1].Get(Strike)!.GetString("species"));
        Assert.True(team[1].Get(joining.Key)!.Exists);
        Assert.Null(team[1].Get(joining.Key)!["joined"]);
    }

    [Fact]
    public async Task Who_is_not_enrolled_receives_and_cannot_write_until_its_enrolment_arrives()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        await using Replica authority = await KeyedTeam.OpenAuthorityAsync(team);
        await using Replica newcomer = await KeyedTeam.OpenOtherAsync(team, 50);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await Team.MeetAsync(team[0], newcomer);
        Assert.Equal("gull", newcomer.Get(Strike)!.GetString("species"));
        await NotEnrolledAsync(newcomer);
        await authority.EnrolAsync(KeyedTeam.Issue(team, 50, owner: "Ada"));
        await NotEnrolledAsync(newcomer);
        await Team.MeetAsync(authority, team[0]);
        await Team.MeetAsync(team[0], newcomer);
        await newcomer.CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        await Team.MeetAsync(team[0], newcomer);
        Assert.Equal("heron", team[0].Get(Strike)!.GetString("species"));
        Enrolment enrolment = Assert.Single(team[0].Enrolments, e => e.Replica == newcomer.Id);
        Assert.Equal(("Ada", ReplicaRole.Client), (enrolment.Owner, enrolment.Role));
    }

    [Fact]
    [Trait("Spec", "WF-7.3")]
    public async Task A_node_whose_id_cannot_be_used_any_more_goes_on_under_a_further_one_by_the_same_enrolment()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[2].EnrolAsync(KeyedTeam.Issue(team, 50, owner: "Ada"));
        // One enrolled by the founding, one later, and the authority itself.
        foreach ((int further, NodeKey key, ReplicaRole role) in new[]
        {
            (70, KeyedTeam.KeyOf(1), ReplicaRole.Client), (71, KeyedTeam.KeyOf(50), ReplicaRole.Client),
            (72, Team.AuthorityKey, ReplicaRole.Authority), (73, KeyedTeam.KeyOf(3), ReplicaRole.Server),
        })
        {
            await using Replica replica = await KeyedTeam.OpenOtherAsync(team, further, role, key);
            await Team.MeetAsync(team[2], replica);
            await replica.CommitAsync(tx => tx.Create(new("incident", "strike", $"{further}")));
            await Team.MeetAsync(replica, team[1]);
            await Team.MeetAsync(replica, team[2]);
            Assert.True(team[1].Get(new("incident", "strike", $"{further}"))!.Exists);
            Enrolment enrolment = team[1].Enrolments.Single(e => e.Replica == replica.Id);
            Assert.Equal((role, further == 71 ? "Ada" : null), (enrolment.Role, enrolment.Owner));
            Assert.Equal(key.PublicKey.ToArray(), enrolment.PublicKey.ToArray());
        }
        await team.MeetAllAsync();
        await team.ReopenAsync(1);
        Assert.Equal(9, team[1].Enrolments.Count);
    }

    [Fact]
    public async Task What_the_author_shows_counts_whatever_becomes_of_it_where_it_was_written()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        Enrolment enrolment = KeyedTeam.Issue(team, 50);
        await team[1].EnrolAsync(enrolment);
        await using Replica replica = await KeyedTeam.OpenOtherAsync(team, 50);
        await Team.MeetAsync(team[1], replica);
        await replica.CommitAsync(tx => tx.Create(Strike));
        await team[1].CommitAsync(tx => tx.Update(enrolment.Key).Set("key", new byte[] { 1 }).Remove("certificate"));
        await team[1].CommitAsync(tx => tx.Delete(enrolment.Key));
        await team.MeetAsync(0, 1);
        await Team.MeetAsync(replica, team[0]);
        Assert.True(team[0].Get(Strike)!.Exists);
        Assert.Equal(KeyedTeam.KeyOf(50).PublicKey.ToArray(), team[0].Enrolments.Single(e => e.Replica == replica.Id).PublicKey.ToArray());
    }

    [Fact]
    public async Task Another_key_another_role_or_none_is_not_what_was_enrolled()
    {
        await using Team team = await KeyedTeam.CreateAsync(2);
        foreach ((ReplicaRole role, NodeKey? key) in new (ReplicaRole, NodeKey?)[]
        {
            (ReplicaRole.Client, KeyedTeam.KeyOf(2)), (ReplicaRole.Server, KeyedTeam.KeyOf(1)), (ReplicaRole.Client, null),
        })
        {
            await using Replica replica = await KeyedTeam.OpenOtherAsync(team, 1, role, key, hasKey: key is not null);
            await NotEnrolledAsync(replica);
            await Team.MeetAsync(team[1], replica);
        }
    }

    [Fact]
    public async Task Nobody_is_enrolled_twice_or_by_a_client_or_without_the_authoritys_certificate()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        Enrolment good = KeyedTeam.Issue(team, 50);
        Enrolment elsewhere = Enrolment.Issue(Team.AuthorityKey, SpaceId.FromBytes(new byte[32]), Team.IdOf(50), KeyedTeam.KeyOf(50).PublicKey, ReplicaRole.Client);
        Enrolment selfMade = Enrolment.Issue(KeyedTeam.KeyOf(2), team.Genesis.Space, Team.IdOf(50), KeyedTeam.KeyOf(50).PublicKey, ReplicaRole.Client);
        var bare = new Enrolment(Team.IdOf(50), KeyedTeam.KeyOf(50).PublicKey, ReplicaRole.Client);
        foreach (Enrolment bad in new[] { elsewhere, selfMade, bare })
            await Assert.ThrowsAsync<ArgumentException>(() => team[1].EnrolAsync(bad).AsTask());
        await FailsAsync(MutationError.RoleRequired, team[0].EnrolAsync(good));
        await team[1].EnrolAsync(good);
        await FailsAsync(MutationError.AlreadyExists, team[1].EnrolAsync(good));
        await using Team open = await Team.CreateAsync(0, 1);
        await Assert.ThrowsAsync<InvalidOperationException>(() => open[0].EnrolAsync(good).AsTask());
    }

    [Fact]
    public void A_founding_refuses_members_that_do_not_fit()
    {
        var time = new FakeTimeProvider(Team.Start);
        var member = new Enrolment(Team.IdOf(1), KeyedTeam.KeyOf(1).PublicKey, ReplicaRole.Client);
        var founder = new Enrolment(Team.AuthorityId, KeyedTeam.KeyOf(1).PublicKey, ReplicaRole.Client);
        using EcdsaNodeKey strange = EcdsaSignatures.CreateKey();
        var ofAnotherScheme = new Enrolment(Team.IdOf(1), strange.PublicKey, ReplicaRole.Client);
        SpaceGenesis Found(NodeKey? key, params Enrolment[] members) =>
            SpaceGenesis.Create(Team.AuthorityId, "test", [], time, key, members);
        Assert.Throws<ArgumentException>(() => Found(null, member));
        Assert.Throws<ArgumentException>(() => Found(Team.AuthorityKey, member, member));
        Assert.Throws<ArgumentException>(() => Found(Team.AuthorityKey, founder));
        Assert.Throws<ArgumentException>(() => Found(Team.AuthorityKey, ofAnotherScheme));
        Assert.Throws<ArgumentException>(() => new Enrolment(Team.IdOf(1), default, ReplicaRole.Client));
        Assert.Throws<ArgumentException>(() => new Enrolment(default, member.PublicKey, ReplicaRole.Client));
        Assert.Throws<ArgumentException>(() => new Enrolment(Team.IdOf(1), member.PublicKey, (ReplicaRole)7));
        Assert.Throws<ArgumentException>(() => new Enrolment(Team.IdOf(1), member.PublicKey, ReplicaRole.Client, ""));
        Assert.Throws<ArgumentException>(() => Enrolment.Issue(Team.AuthorityKey, default, Team.IdOf(1), new byte[5], ReplicaRole.Client));
    }

    [Fact]
    [Trait("Spec", "WF-7.2")]
    public async Task A_keyed_founding_travels_as_a_file_and_an_open_one_is_as_it_was()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        byte[] bytes = team.Genesis.ToBytes();
        var read = SpaceGenesis.FromBytes(bytes);
        Assert.Equal((team.Genesis.Space, true, DeterministicSignatures.Instance.Name), (read.Space, read.IsKeyed, read.SchemeName));
        Assert.Equal(Team.AuthorityKey.PublicKey.ToArray(), read.AuthorityKey.ToArray());
        Assert.Equal(bytes, read.ToBytes());
        // Without its signature: the last item, a binary of 64 bytes.
        Assert.Throws<BatchFormatException>(() => SpaceGenesis.FromBytes(bytes.AsMemory(..^66)));
        Assert.Throws<BatchFormatException>(() => SpaceGenesis.FromBytes(bytes.AsMemory(..^1)));
        Assert.Throws<BatchFormatException>(() => SpaceGenesis.FromBytes((byte[])[.. bytes, 0]));
        await using Team open = await Team.CreateAsync(1);
        byte[] plain = open.Genesis.ToBytes();
        Assert.False(SpaceGenesis.FromBytes(plain).IsKeyed);
        Assert.Throws<BatchFormatException>(() => SpaceGenesis.FromBytes((byte[])[.. plain, .. bytes[^66..]]));
    }

    [Fact]
    public async Task The_authority_goes_on_writing_after_the_founding_in_keyed_and_in_open_spaces()
    {
        foreach (bool isKeyed in new[] { true, false })
        {
            await using Team team = await Team.CreateAsync(1, 0, isProjecting: false, [], isKeyed);
            var store = new MemoryReplicaStore(new(team.Genesis.Space, Team.AuthorityId, ReplicaRole.Authority));
            ReplicaOptions options = KeyedTeam.OptionsOf(team, isKeyed ? Team.AuthorityKey : null);
            await using Replica authority = await Replica.OpenAsync(store, options);
            await authority.CommitAsync(tx => tx.SetPolicy(PolicyScope.Parse("incident"), ConflictPolicy.Manual));
            await Team.MeetAsync(authority, team[0]);
            Assert.Equal(ConflictPolicy.Manual, team[0].PolicyOf(Strike, "species"));
            Replica again = await Replica.OpenAsync(store, options);
            await again.CommitAsync(tx => tx.SetPolicy(PolicyScope.Parse("incident"), ConflictPolicy.Merge));
            await Team.MeetAsync(again, team[0]);
            Assert.Equal(ConflictPolicy.Merge, team[0].PolicyOf(Strike, "species"));
            Assert.Equal(again.Vector, team[0].Vector);
        }
    }

    [Fact]
    public async Task Members_are_known_again_after_opening_with_and_without_a_projection()
    {
        foreach (bool isProjecting in new[] { false, true })
        {
            await using Team team = await Team.CreateAsync(2, 1, isProjecting, [], isKeyed: true);
            await team[2].EnrolAsync(KeyedTeam.Issue(team, 50, owner: "Ada"));
            await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
            await team.MeetAllAsync();
            ChainHead head = team[1].Heads.Single(h => h.Author == team[0].Id);
            Assert.Equal(64, head.Signature.Length);
            await team[1].FlushAsync();
            await team.ReopenAsync(1);
            Assert.True(team[1].IsKeyed);
            Assert.Equal(4, team[0].Enrolments.Count(e => e.Role != ReplicaRole.Authority));
            Assert.Equal(team[0].Enrolments.Select(Show), team[1].Enrolments.Select(Show));
            Assert.Equal(head.Signature.ToArray(), team[1].Heads.Single(h => h.Author == team[0].Id).Signature.ToArray());
            await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
            await team[0].CommitAsync(tx => tx.Update(Strike).Increment("seen"));
            await team.MeetAllAsync();
            Assert.Equal(team[0].Get(Strike)!.ToJson(), team[1].Get(Strike)!.ToJson());
        }
    }

    [Fact]
    public async Task What_was_written_and_not_signed_is_not_left_behind_by_opening_without_the_key()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await Assert.ThrowsAsync<NodeKeyException>(
            () => Replica.OpenAsync(team.Stores[0], KeyedTeam.OptionsOf(team, null)).AsTask());
        await team[0].CloseRunAsync(default);
        await using Replica reader = await Replica.OpenAsync(team.Stores[0], KeyedTeam.OptionsOf(team, null));
        Assert.True(reader.Get(Strike)!.Exists);
        await NotEnrolledAsync(reader);
    }

    [Fact]
    [Trait("Error", nameof(SyncError.UnknownScheme))]
    public async Task A_founding_under_another_scheme_ends_the_session_of_whoever_does_not_know_it()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        var store = new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(50), ReplicaRole.Client));
        await using Replica newcomer = await Replica.OpenAsync(
            store, KeyedTeam.OptionsOf(team, null) with { Signatures = EcdsaSignatures.Instance, Genesis = null });
        using var session = new SyncSession(newcomer);
        Impostor impostor = await Impostor.GreetAsync(session);
        var error = await Assert.ThrowsAsync<SyncException>(async () =>
            await impostor.SayAsync(new RunMessage((await World.RunsOfAsync(team[0]))[0])));
        Assert.Equal(SyncError.UnknownScheme, error.Error);
        Assert.Empty(newcomer.Vector);
    }

    [Fact]
    public async Task A_space_of_another_scheme_is_refused_and_never_half_taken()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        var store = new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(50), ReplicaRole.Client));
        ReplicaOptions options = KeyedTeam.OptionsOf(team, null) with { Signatures = EcdsaSignatures.Instance };
        var error = await Assert.ThrowsAsync<ApplyException>(() => Replica.OpenAsync(store, options).AsTask());
        Assert.Equal(ApplyError.UnknownScheme, error.Error);
        Assert.Empty(store.ReadLog(default));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Replica.OpenAsync(team.Stores[0], options).AsTask());
    }

    [Fact]
    public async Task A_keyed_space_works_with_the_products_keys()
    {
        using EcdsaNodeKey founder = EcdsaSignatures.CreateKey(), node = EcdsaSignatures.CreateKey(), later = EcdsaSignatures.CreateKey();
        var time = new FakeTimeProvider(Team.Start);
        SpaceGenesis genesis = SpaceGenesis.Create(Team.AuthorityId, "real", [], time, founder,
            [new Enrolment(Team.IdOf(1), node.PublicKey, ReplicaRole.Client, "Ada")]);
        async Task<Replica> OpenAsync(ReplicaId id, ReplicaRole role, NodeKey key) => await Replica.OpenAsync(
            new MemoryReplicaStore(new(genesis.Space, id, role)), new ReplicaOptions { Time = time, Genesis = genesis, Key = key });
        await using Replica authority = await OpenAsync(Team.AuthorityId, ReplicaRole.Authority, founder);
        await using Replica first = await OpenAsync(Team.IdOf(1), ReplicaRole.Client, node);
        await using Replica second = await OpenAsync(Team.IdOf(2), ReplicaRole.Client, later);
        await authority.EnrolAsync(Enrolment.Issue(founder, genesis.Space, second.Id, later.PublicKey, ReplicaRole.Client));
        await first.CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await Team.MeetAsync(authority, second);
        await second.CommitAsync(tx => tx.Create(new("incident", "strike", "43")));
        await Team.MeetAsync(authority, first);
        await Team.MeetAsync(first, second);
        Assert.Equal(first.Vector, second.Vector);
        Assert.Equal((await first.GetStatusAsync()).Digest, (await second.GetStatusAsync()).Digest);
    }

    private static string Show(Enrolment e) =>
        $"{e.Replica} {e.Role} {e.Owner} {Convert.ToHexString(e.PublicKey.Span)} {Convert.ToHexString(e.Certificate.Span)}";

    private static async Task NotEnrolledAsync(Replica replica) =>
        await FailsAsync(MutationError.NotEnrolled, replica.CommitAsync(tx => tx.Upsert(Strike).Increment("seen")));

    private static async Task FailsAsync(MutationError expected, ValueTask<CommitResult> commit) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<MutationException>(() => commit.AsTask())).Error);

    [Fact]
    [Trait("Law", "15")]
    public async Task Only_what_this_spaces_authority_certified_is_enrolled_and_nothing_in_an_open_space()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1), open = await Team.CreateAsync(1, 1);
        Enrolment right = KeyedTeam.Issue(team, 50);
        team[1].Writer.Trust.CheckCertificate(right);
        Assert.Throws<InvalidOperationException>(() => open[1].Writer.Trust.CheckCertificate(right));
        Enrolment[] wrong =
        [
            right.For(Team.IdOf(51)), new(right.Replica, right.PublicKey, right.Role, right.Owner),
            new(right.Replica, new byte[] { 1 }, right.Role, right.Owner, right.Certificate),
            new(right.Replica, right.PublicKey, ReplicaRole.Server, right.Owner, right.Certificate), right.For(Team.AuthorityId),
        ];
        Assert.All(wrong, e => Assert.Throws<ArgumentException>(() => team[1].Writer.Trust.CheckCertificate(e)));
    }

    [Fact]
    public async Task Without_its_key_a_server_makes_no_snapshot()
    {
        await using Team team = await KeyedTeam.CreateAsync(1);
        await using Replica server = await KeyedTeam.OpenOtherAsync(team, 60, ReplicaRole.Server, hasKey: false);
        await Team.MeetAsync(team[0], server);
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.TakeSnapshotAsync().AsTask());
    }
}
