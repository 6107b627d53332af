namespace Crdt.Properties;

/// <summary>What a peer does wrong with a snapshot ends its session with the right error, and leaves the victim as it was.</summary>
public class HostileSnapshotTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    [Trait("Spec", "WF-8.3")]
    public async Task A_snapshot_of_another_space_is_refused() => await RefusedAsync(SyncError.WrongSpace, taken =>
        taken.With(identity: new ReplicaIdentity(SpaceId.FromBytes(new byte[32]), taken.Manifest.Maker, taken.Manifest.Role)));

    [Fact]
    [Trait("Spec", "WF-8.3")]
    public async Task A_snapshot_of_another_founding_is_refused()
    {
        SpaceGenesis other = SpaceGenesis.Create(Team.AuthorityId, "other", [], TimeProvider.System);
        await RefusedAsync(SyncError.WrongSpace, taken => taken.With(founding: other.Batch));
    }

    [Fact]
    [Trait("Error", nameof(SyncError.BadSnapshot))]
    [Trait("Spec", "WF-8.3")]
    public async Task A_snapshot_made_in_the_client_role_is_refused() => await RefusedAsync(SyncError.BadSnapshot, taken =>
        taken.With(identity: new ReplicaIdentity(taken.Manifest.Space, taken.Manifest.Maker, ReplicaRole.Client)));

    [Fact]
    [Trait("Spec", "WF-8.3")]
    public async Task A_snapshot_that_does_not_include_the_founding_is_refused() => await RefusedAsync(SyncError.BadSnapshot, taken =>
        taken.With(heads: [.. taken.Manifest.Heads.Where(h => h.Author != Team.AuthorityId)]));

    // In an open space a peer's word is enough to give up an id, as with heads: nothing is lost, and nothing is joined.
    [Fact]
    [Trait("Spec", "WF-8.4")]
    public async Task A_snapshot_that_claims_more_of_the_victim_than_it_wrote_is_refused() =>
        await RefusedAsync(SyncError.Rebuilt, taken => taken.With(heads:
            [.. taken.Manifest.Heads.Select(h => h.Author == Team.IdOf(2) ? h with { Sequence = 9 } : h)]));

    [Fact]
    [Trait("Spec", "WF-8.4")]
    public async Task A_snapshot_of_another_log_under_a_known_name_is_refused() =>
        await RefusedAsync(SyncError.Rebuilt, taken => taken.With(heads:
            [.. taken.Manifest.Heads.Select(h => h.Author == Team.IdOf(2) ? h with { Head = new byte[32] } : h)]));

    [Fact]
    [Trait("Spec", "WF-8.2")]
    public async Task A_sibling_beyond_the_vector_is_refused() => await RefusedAsync(SyncError.BadSnapshot, taken =>
        taken.With(heads: [.. taken.Manifest.Heads.Select(h => h.Author == Team.IdOf(1) ? h with { Sequence = 1, Points = default } : h)]));

    [Fact]
    [Trait("Spec", "WF-8.4")]
    public async Task A_snapshot_that_does_not_add_up_to_its_digest_is_refused() =>
        await RefusedAsync(SyncError.BadSnapshot, taken => taken.With(digest: taken.Manifest.Digest + 1));

    [Fact]
    [Trait("Spec", "WF-8.2")]
    public async Task Chunks_that_are_none_are_refused_though_their_hashes_hold()
    {
        await RefusedAsync(SyncError.BadSnapshot, taken => taken.With(chunks: [new byte[] { 1, 2, 3 }]));
        await RefusedAsync(SyncError.BadSnapshot, taken => taken.With(chunks: [taken.Chunks[0], taken.Chunks[0]]));
        await RefusedAsync(SyncError.BadSnapshot, taken => taken.With(chunks: [taken.Chunks[0].ToArray().Append((byte)0xC0).ToArray()]));
    }

    [Fact]
    [Trait("Spec", "WF-4.11")]
    public async Task A_damaged_chunk_is_refused() => await RefusedAsync(SyncError.BadSnapshot, taken =>
    {
        byte[] damaged = taken.Chunks[0].ToArray();
        damaged[^1] ^= 1;
        return taken with { Chunks = [damaged] };
    });

    [Fact]
    [Trait("Spec", "WF-4.11")]
    public async Task A_chunk_that_nobody_announced_is_refused()
    {
        await using Team team = await TeamAsync();
        Taken taken = await Taken.FromAsync(team[2]);
        using var session = new SyncSession(team[1]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await RefusedAsync(SyncError.UnexpectedMessage, () => impostor.SayAsync(new ChunkMessage(taken.Chunks[0])).AsTask());
    }

    [Fact]
    [Trait("Spec", "WF-4.12")]
    public async Task Asking_for_what_was_not_offered_is_refused()
    {
        await using Team team = await TeamAsync();
        using var session = new SyncSession(team[2]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await RefusedAsync(SyncError.UnexpectedMessage, () => impostor.SayAsync(new WantedMessage(0)).AsTask());
    }

    [Fact]
    [Trait("Spec", "WF-4.10")]
    public async Task A_manifest_that_is_none_is_refused()
    {
        await using Team team = await TeamAsync();
        using var session = new SyncSession(team[1]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await RefusedAsync(SyncError.BadSnapshot, () => impostor.SayAsync(new SnapshotMessage(new byte[] { SnapshotManifest.FormatVersion, 2, 3 })).AsTask());
    }

    [Fact]
    [Trait("Spec", "WF-4.11")]
    public async Task Chunks_beyond_the_credit_are_refused()
    {
        await using Team team = await TeamAsync();
        Taken taken = await Taken.FromAsync(team[2]);
        Taken large = taken.With(chunks: [.. Enumerable.Range(0, 3).Select(i => (ReadOnlyMemory<byte>)Large(i))]);
        using var session = new SyncSession(team[1]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await impostor.SayAsync(new SnapshotMessage(large.Manifest.Bytes));
        await impostor.SayAsync(new ChunkMessage(large.Chunks[0]));
        await impostor.SayAsync(new ChunkMessage(large.Chunks[1]));
        await RefusedAsync(SyncError.CreditExceeded, () => impostor.SayAsync(new ChunkMessage(large.Chunks[2])).AsTask());

        static byte[] Large(int seed)
        {
            byte[] bytes = new byte[1 << 20];
            new Random(seed).NextBytes(bytes);
            return bytes;
        }
    }

    [Fact]
    [Trait("Error", nameof(SyncError.BadSignature))]
    public async Task In_an_open_space_a_signed_snapshot_is_refused() => await RefusedAsync(SyncError.BadSignature, taken =>
    {
        byte[] bytes = SnapshotManifest.Encode(new ReplicaIdentity(taken.Manifest.Space, taken.Manifest.Maker, taken.Manifest.Role),
            taken.Manifest.Authority, taken.Manifest.Founding, taken.Manifest.Digest, taken.Manifest.Heads, taken.Manifest.Chunks, [],
            _ => [1, 2, 3]);
        return taken with { Manifest = SnapshotManifest.Decode(bytes) };
    });

    /// <summary>A newcomer believes a snapshot for its signatures alone, and so nobody else's.</summary>
    [Fact]
    [Trait("Error", nameof(SyncError.NotEnrolled))]
    [Trait("Schedule", "9")]
    [Trait("Spec", "WF-8.3")]
    public async Task A_newcomer_to_a_keyed_space_takes_no_forged_snapshot()
    {
        await using Team team = await Team.CreateAsync(2, 1, false, [], isKeyed: true);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("n", 1));
        await team[2].CommitAsync(tx => tx.Create(new("d", "t", "1")).Set("n", 1));
        await team.MeetAsync(0, 2);
        Taken taken = await Taken.FromAsync(team[2]);
        SnapshotManifest manifest = taken.Manifest;
        NodeKey device = DeterministicSignatures.KeyOf(team[0].Id), server = DeterministicSignatures.KeyOf(team[2].Id);
        byte[] Sign(NodeKey key, ReplicaId maker, ReadOnlyMemory<byte> bytes) =>
            key.Sign(SignedBytes.OfSnapshot(manifest.Space, maker, bytes.Span));

        Taken Forge(ReplicaId? maker = null, NodeKey? key = null, IReadOnlyList<SnapshotHead>? heads = null)
        {
            ReplicaId by = maker ?? manifest.Maker;
            byte[] bytes = SnapshotManifest.Encode(new ReplicaIdentity(manifest.Space, by, ReplicaRole.Server), manifest.Authority,
                manifest.Founding, manifest.Digest, heads ?? manifest.Heads, manifest.Chunks, [.. manifest.Members],
                signed => Sign(key ?? server, by, signed));
            return taken with { Manifest = SnapshotManifest.Decode(bytes) };
        }

        await NewcomerRefusesAsync(SyncError.BadSignature, Forge(key: device));
        await NewcomerRefusesAsync(SyncError.BadSnapshot, Forge(maker: team[0].Id, key: device));
        await NewcomerRefusesAsync(SyncError.NotEnrolled, Forge(maker: Team.IdOf(77), key: DeterministicSignatures.KeyOf(Team.IdOf(77))));
        await NewcomerRefusesAsync(SyncError.BadSignature,
            Forge(heads: [.. manifest.Heads.Select(h => h.Author == team[0].Id ? h with { Sequence = h.Sequence + 1 } : h)]));
        byte[] unsigned = manifest.Bytes.ToArray();
        unsigned[^1] ^= 1;
        await NewcomerRefusesAsync(SyncError.BadSignature, taken with { Manifest = SnapshotManifest.Decode(unsigned) });
        await using Replica newcomer = await NewcomerAsync();
        await taken.JoinAsync(newcomer);
        Assert.Equal(await World.DumpAsync(team[2]), await World.DumpAsync(newcomer));
        // Whom it names is known from then on: what they write next is judged as if their first batches had been seen.
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("n", 2));
        await Team.MeetAsync(team[0], newcomer);
        Assert.Equal(2, newcomer.Get(Strike)!.GetInteger("n"));

        async Task NewcomerRefusesAsync(SyncError error, Taken forged)
        {
            await using Replica victim = await NewcomerAsync();
            string before = await World.DumpAsync(victim);
            using var session = new SyncSession(victim);
            Impostor impostor = await Impostor.GreetAsync(session);
            await RefusedAsync(error, () => SayAsync(impostor, forged));
            Assert.Equal(before, await World.DumpAsync(victim));
        }

        async Task<Replica> NewcomerAsync() => await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(60), ReplicaRole.Client)),
            new ReplicaOptions { Time = team.Clocks[0], Signatures = DeterministicSignatures.Instance });
    }

    [Theory]
    [Trait("Error", nameof(SyncError.SnapshotRevoked))]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Spec", "WF-8.3")]
    public async Task A_revoked_server_makes_no_snapshots_any_more_and_what_was_joined_before_stays(bool isKeyed)
    {
        await using Team team = await Team.CreateAsync(2, 2, false, [], isKeyed);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("n", 1));
        await team.MeetAllAsync();
        // Device 1 lacks what stands in the first snapshot, and gets it.
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("n", 2));
        await team.MeetAsync(0, 2);
        await (await Taken.FromAsync(team[2])).JoinAsync(team[1]);
        Assert.Equal(2, team[1].Get(Strike)!.GetInteger("n"));
        await team.MeetAllAsync();
        await team[3].FenceAsync(team[2].Id, FenceReason.Revoked);
        await team.MeetAsync(3, 1);
        string before = await World.DumpAsync(team[1]);
        // The revoked one goes on, and knows nothing of it.
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("n", 3));
        await team.MeetAsync(0, 2);
        Taken taken = await Taken.FromAsync(team[2]);

        using var session = new SyncSession(team[1]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await RefusedAsync(SyncError.SnapshotRevoked, () => SayAsync(impostor, taken));
        ApplyException error = await Assert.ThrowsAsync<ApplyException>(() => team[1].JoinAsync(taken.Manifest, default).AsTask());
        Assert.Equal(ApplyError.SnapshotRevoked, error.Error);
        Assert.Equal(before, await World.DumpAsync(team[1]));
        await team.ReopenAsync(1);
        Assert.Equal(before, await World.DumpAsync(team[1]));
        Assert.Single(team[1].Snapshots);
        Assert.Empty((await team[1].AuditAsync()).Unaccounted);
    }

    [Fact]
    [Trait("Spec", "WF-8.3")]
    public async Task Whoever_stands_on_a_snapshot_of_a_revoked_server_offers_another_one_in_its_place()
    {
        await using Team team = await Team.CreateAsync(1, 2, false, [], isKeyed: true);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("n", 2));
        await team.MeetAsync(0, 1);
        await (await Taken.FromAsync(team[1])).JoinAsync(team[2]);
        Assert.Equal(PruneOutcome.Pruned, (await team[2].PruneAsync()).Outcome);
        await team[2].FenceAsync(team[1].Id, FenceReason.Revoked);
        await team[2].TakeSnapshotAsync();
        Assert.Equal([team[1].Id, team[2].Id], team[2].Snapshots.Select(s => s.Maker));
        Replica late = await team.AddAsync();
        await team.MeetAsync(2, 3);
        Assert.Equal(2, late.Get(Strike)!.GetInteger("n"));
        Assert.All(late.Snapshots, s => Assert.Equal(team[2].Id, s.Maker));
    }

    /// <summary>Two devices and a server; the second device wrote something that the server holds, and lacks the rest.</summary>
    private static async Task<Team> TeamAsync()
    {
        Team team = await Team.CreateAsync(2, servers: 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("n", 1));
        await team.MeetAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Create(new("d", "t", "1")).Set("n", 1));
        await team[0].CommitAsync(tx => tx.Update(new EntityKey("d", "t", "1")).Set("m", 2));
        await team.MeetAsync(0, 2);
        return team;
    }

    private static async Task RefusedAsync(SyncError error, Func<Taken, Taken> forge)
    {
        await using Team team = await TeamAsync();
        Taken taken = await Taken.FromAsync(team[2]);
        string before = await World.DumpAsync(team[1]);
        using (var session = new SyncSession(team[1]))
        {
            Impostor impostor = await Impostor.GreetAsync(session);
            await RefusedAsync(error, () => SayAsync(impostor, forge(taken)));
        }
        Assert.Equal(before, await World.DumpAsync(team[1]));
        await team.ReopenAsync(1);
        Assert.Equal(before, await World.DumpAsync(team[1]));
        Assert.Empty(team[1].Snapshots);
        await taken.JoinAsync(team[1]);
        Assert.Equal(await World.DumpAsync(team[2]), await World.DumpAsync(team[1]));
    }

    private static async Task SayAsync(Impostor impostor, Taken taken)
    {
        await impostor.SayAsync(new SnapshotMessage(taken.Manifest.Bytes));
        while (await impostor.HearAsync() is not null)
        {
            // From where it wants it: from the beginning.
        }
        foreach (ReadOnlyMemory<byte> chunk in taken.Chunks) await impostor.SayAsync(new ChunkMessage(chunk));
    }

    private static async Task RefusedAsync(SyncError error, Func<Task> act) =>
        Assert.Equal(error, (await Assert.ThrowsAsync<SyncException>(act)).Error);
}
