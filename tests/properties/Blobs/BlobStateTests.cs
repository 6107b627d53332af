namespace Crdt.Properties;

/// <summary>What is told of a blob that cannot be kept, is damaged or is not what it should be, and how it gets over that; and what
/// servers' words about blobs are worth.</summary>
[Trait("Spec", "WF-12.4")]
public class BlobStateTests
{
    private static readonly EntityKey Photo = new("incident", "photo", "1");

    [Fact]
    public async Task What_cannot_be_written_is_told_and_comes_with_the_next_session_once_it_can()
    {
        var disk = new FaultyBlobStore { WriteFailure = new IOException("the disk is full") };
        (Team team, Blob blob, byte[] content) = await AttachAsync(disk);
        await using Team disposed = team;
        await BlobLink.MeetAsync(team[0], team[1]);
        BlobState state = team[1].Blobs.Find(blob.Root)!;
        Assert.Equal((BlobStanding.Failed, 0), (state.Standing, state.Chunks));
        Assert.Contains("the disk is full", state.Explanation);
        disk.WriteFailure = null;
        await BlobLink.MeetAsync(team[0], team[1]);
        await AssertHereAsync(team[1], blob, content);
    }

    [Fact]
    public async Task What_cannot_be_made_durable_is_not_whole_and_is_verified_with_the_next_session()
    {
        var disk = new FaultyBlobStore { Syncing = _ => throw new IOException("the disk is gone") };
        (Team team, Blob blob, byte[] content) = await AttachAsync(disk);
        await using Team disposed = team;
        var told = new TaskCompletionSource();
        using (var link = new BlobLink(team[0], team[1]))
        {
            team[1].Blobs.Changed += _ =>
            {
                if (Problem(team[1], blob) is not null) told.TrySetResult();
            };
            await link.PassAllAsync();
        }
        await told.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Contains("the disk is gone", Problem(team[1], blob));
        Task waiting = team[1].Blobs.FetchAsync(blob).AsTask(); // tries again, in vain
        await BlobLink.UntilAsync(() => Problem(team[1], blob) is not null);
        Assert.False(waiting.IsCompleted);
        disk.Syncing = null;
        using (var link = new BlobLink(team[0], team[1])) await waiting;
        await AssertHereAsync(team[1], blob, content);
    }

    [Fact]
    public async Task What_is_damaged_before_it_was_verified_is_asked_for_again()
    {
        var disk = new FaultyBlobStore();
        (Team team, Blob blob, byte[] content) = await AttachAsync(disk);
        await using Team disposed = team;
        disk.Syncing = root =>
        {
            disk.Damage(root, 1);
            disk.Syncing = null;
        };
        using (var link = new BlobLink(team[0], team[1]))
        {
            await link.PassAllAsync();
            await BlobLink.RestAsync(team[1]);
            Assert.Equal(1, team[1].Blobs.Find(blob.Root)!.Damaged);
            await link.PassAllAsync();
        }
        await AssertHereAsync(team[1], blob, content);
        Assert.Equal(0, team[1].Blobs.Find(blob.Root)!.Damaged);
    }

    [Fact]
    public async Task What_is_damaged_when_it_is_read_is_told_in_words_and_fetched_again()
    {
        var disk = new FaultyBlobStore();
        (Team team, Blob blob, byte[] content) = await AttachAsync(disk);
        await using Team disposed = team;
        await BlobLink.MeetAsync(team[0], team[1]);
        await AssertHereAsync(team[1], blob, content);
        disk.Damage(blob.Root, 2);
        await using (Stream stream = team[1].Blobs.OpenRead(blob))
            Assert.Equal(BlobError.Missing, (await Assert.ThrowsAsync<BlobException>(() => stream.CopyToAsync(Stream.Null))).Error);
        BlobState state = team[1].Blobs.Find(blob.Root)!;
        Assert.Equal((BlobStanding.Waiting, 1, state.ChunksMax - 1), (state.Standing, state.Damaged, state.Chunks));
        Assert.Contains("1 chunks were found damaged on the disk", state.Explanation);
        await BlobLink.MeetAsync(team[0], team[1]);
        await AssertHereAsync(team[1], blob, content);
    }

    [Fact]
    public async Task What_is_not_what_the_field_says_is_refused_and_no_server_says_that_it_holds_it()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team.MeetAllAsync();
        Blob put = await team[0].Blobs.PutAsync(new MemoryStream(new byte[100_000]), "image/jpeg", "1.jpg");
        Blob wrong = new(put.Root, put.Root, put.Size, put.MediaType, put.Name);
        await team[0].CommitAsync(tx => tx.Upsert(Photo).Set("file", wrong));
        for (int other = 1; other <= 2; other++)
        {
            await BlobLink.MeetAsync(team[0], team[other]);
            Assert.Equal(BlobStanding.Refused, team[other].Blobs.Find(wrong.Root)!.Standing);
            Assert.Equal(BlobError.ContentRefused, (await Assert.ThrowsAsync<BlobException>(async () => await team[other].Blobs.FetchAsync(wrong))).Error);
        }
        Assert.False(team[2].ClaimsBlob(wrong.Root));
    }

    [Theory]
    [InlineData(null, 3, false, 0, BlobStanding.Here)]
    [InlineData(BlobError.ContentRefused, 3, false, 0, BlobStanding.Refused)]
    [InlineData(BlobError.ChunkRefused, 1, true, 0, BlobStanding.Refused)]
    [InlineData(BlobError.QuotaExceeded, 1, false, 1, BlobStanding.OverQuota)]
    [InlineData(BlobError.NotAllowed, 0, false, 0, BlobStanding.NotTaken)]
    [InlineData(null, 1, true, 2, BlobStanding.Fetching)]
    [InlineData(BlobError.Missing, 1, true, 0, BlobStanding.Waiting)]
    [InlineData(BlobError.Missing, 0, false, 0, BlobStanding.OnDemand)]
    [InlineData(null, 1, false, 0, BlobStanding.Failed)]
    public void Its_standing_is_one_word_for_what_the_state_says(BlobError? problem, int chunks, bool isWanted, int sources, BlobStanding standing)
    {
        var blob = new Blob(default, default, (2 * BlobTree.ChunkLengthBytes) + 1, "image/jpeg", "");
        var state = new BlobState(blob, chunks, 0, isWanted, sources, [], problem, "");
        Assert.Equal(standing, state.Standing);
        Assert.Equal(chunks == 3 ? blob.Size : chunks * BlobTree.ChunkLengthBytes, state.BytesHere);
    }

    [Fact]
    public async Task What_a_device_does_not_take_by_itself_says_so_and_where_it_is_named()
    {
        (Team team, Blob blob, byte[] content) = await AttachAsync(new FaultyBlobStore());
        await using Team disposed = team;
        ReplicaBlobs blobs = team[1].Blobs;
        blobs.Policy = new BlobPolicy { Fetch = BlobFetch.Never, ByMediaType = new Dictionary<string, BlobFetch> { ["image/*"] = BlobFetch.OnDemand } };
        await BlobLink.MeetAsync(team[0], team[1]);
        Assert.Equal((BlobStanding.OnDemand, "It comes when it is asked for."), (blobs.Find(blob.Root)!.Standing, blobs.Find(blob.Root)!.Explanation));
        blobs.Policy = new BlobPolicy { Fetch = BlobFetch.OnDemand, ByMediaType = new Dictionary<string, BlobFetch> { ["image/jpeg"] = BlobFetch.Never } };
        Assert.Equal((BlobStanding.NotTaken, "This device does not take image/jpeg."), (blobs.Find(blob.Root)!.Standing, blobs.Find(blob.Root)!.Explanation));
        Assert.Equal(BlobError.NotAllowed, (await Assert.ThrowsAsync<BlobException>(async () => await blobs.FetchAsync(blob))).Error);
        Assert.Equal([(Photo, FieldPath.Field("file"))], blobs.PlacesOf(blob.Root));
        Assert.Empty(blobs.PlacesOf(default));
        Assert.Null(blobs.Find(default));
        Assert.Equal(0, await blobs.EvictAsync(default));
        // Nothing names it any more: it is not listed, and still comes to who asks for it.
        await team[0].CommitAsync(tx => tx.Update(Photo).Remove("file"));
        await BlobLink.MeetAsync(team[0], team[1]);
        Assert.Null(blobs.Find(blob.Root));
        Assert.Empty(blobs.List());
        blobs.Policy = new BlobPolicy();
        Task fetching = blobs.FetchAsync(blob).AsTask();
        using (var link = new BlobLink(team[1], team[0])) await link.PassAllAsync();
        await fetching;
        await using Stream stream = blobs.OpenRead(blob);
        var read = new MemoryStream();
        await stream.CopyToAsync(read);
        Assert.Equal(content, read.ToArray());
    }

    [Fact]
    public async Task A_chunk_of_another_size_place_or_blob_is_not_kept()
    {
        (Team team, Blob blob, byte[] content) = await AttachAsync(new FaultyBlobStore());
        await using Team disposed = team;
        IBlobStore from = team[0].Store.Blobs, to = team[1].Store.Blobs;
        BlobHash[] proof = from.ReadProof(blob.Root, 0)!;
        byte[] first = content[..BlobTree.ChunkLengthBytes];
        foreach ((long size, int chunk, byte[] bytes) in new[]
        {
            (0L, 0, first), (-1L, 0, first), (Blob.SizeMax + 1, 0, first), (blob.Size, -1, first), (blob.Size, 4, first), (blob.Size, 1, first),
            (blob.Size, 0, first[1..]), (blob.Size + 1, 0, first),
        })
        {
            Assert.Equal(BlobError.ChunkRefused,
                (await Assert.ThrowsAsync<BlobException>(async () => await to.WriteAsync(blob.Root, size, chunk, bytes, proof, default))).Error);
        }
        Assert.Null(to.Find(blob.Root));
        Assert.True(await to.WriteAsync(blob.Root, blob.Size, 0, first, proof, default));
        Assert.False(await to.WriteAsync(blob.Root, blob.Size, 0, first, proof, default));
        Assert.Null(to.ReadProof(blob.Root, 1));
        Assert.Equal(BlobTree.EmptyRoot, new BlobTree(0).RootOf(new BlobTreeBuilder().Finish()));
    }

    [Fact]
    public async Task Only_what_a_server_has_written_of_itself_is_its_word()
    {
        await using Team team = await Team.CreateAsync(2, servers: 2);
        await team.MeetAllAsync();
        BlobHash root = BlobTree.HashLeaf([1]);
        await team[2].CommitAsync(tx => tx.Upsert(BlobClaims.KeyOf(root)).Add(BlobClaims.Held, $"{team[3].Id}"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Empty(r.ReadBlobServers(root)));
        await team[2].CommitAsync(tx => tx.Upsert(BlobClaims.KeyOf(root)).Add(BlobClaims.Held, $"{team[2].Id}"));
        await team.MeetAllAsync();
        Assert.Equal([team[2].Id], team[0].ReadBlobServers(root));
        Assert.Empty(team[2].ReadBlobServers(root));
        Assert.True(team[2].ClaimsBlob(root) && !team[3].ClaimsBlob(root));
    }

    [Fact]
    public async Task Of_two_servers_that_rely_on_each_other_one_keeps_what_both_hold()
    {
        await using Team team = await Team.CreateAsync(1, servers: 2);
        await team.MeetAllAsync();
        Blob blob = await team[0].Blobs.PutAsync(new MemoryStream(new byte[100_000]), "image/jpeg", "1.jpg");
        await team[0].CommitAsync(tx => tx.Upsert(Photo).Set("file", blob));
        Assert.Equal(BlobError.NotHeldElsewhere, (await Assert.ThrowsAsync<BlobException>(async () => await team[0].Blobs.EvictAsync(blob.Root))).Error);
        await BlobLink.MeetAsync(team[0], team[1]);
        await BlobLink.MeetAsync(team[0], team[2]);
        await team.MeetAllAsync();
        Assert.Equal(2, team[0].ReadBlobServers(blob.Root).Count);
        int kept = 0;
        foreach (Replica server in (Replica[])[team[1], team[2]])
        {
            try
            {
                Assert.Equal(100_000, await server.Blobs.EvictAsync(blob.Root));
                Assert.False(server.ClaimsBlob(blob.Root));
            }
            catch (BlobException e) when (e.Error == BlobError.NotHeldElsewhere)
            {
                kept++;
            }
        }
        Assert.Equal(1, kept);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_evicted_stays_away_over_restarts_until_somebody_asks_for_it(bool isProjecting)
    {
        await using Team team = await Team.CreateAsync(1, 1, isProjecting, []);
        Blob blob = await team[0].Blobs.PutAsync(new MemoryStream(new byte[100_000]), "image/jpeg", "1.jpg");
        await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("file", blob));
        for (int i = 0; i < 2; i++) await BlobLink.MeetAsync(team[0], team[1]);
        Assert.Equal(100_000, await team[0].Blobs.EvictAsync(blob.Root));
        for (int i = 0; i < 3; i++)
        {
            await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "2")).Set("n", i));
            await team[0].FlushAsync();
            await team.ReopenAsync(0);
            await BlobLink.MeetAsync(team[0], team[1]);
            Assert.Equal((BlobStanding.OnDemand, "It was evicted here."),
                (team[0].Blobs.Find(blob.Root)!.Standing, team[0].Blobs.Find(blob.Root)!.Explanation));
        }
        using (var patience = new CancellationTokenSource())
        {
            Task asked = team[0].Blobs.FetchAsync(blob, patience.Token).AsTask();
            await patience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        }
        await team.ReopenAsync(0);
        await BlobLink.MeetAsync(team[0], team[1]);
        Assert.Equal(BlobStanding.Here, team[0].Blobs.Find(blob.Root)!.Standing);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_nothing_named_when_it_was_dropped_comes_once_something_does(bool isReopened)
    {
        await using Team team = await Team.CreateAsync(2);
        byte[] content = new byte[100_000];
        Blob blob = await team[1].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        Assert.Equal(content.Length, await team[1].Blobs.EvictAsync(blob.Root, evenIfLast: true));
        if (isReopened) await team.ReopenAsync(1);
        await team[0].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await team[0].CommitAsync(tx => tx.Upsert(Photo).Set("file", blob));
        await BlobLink.MeetAsync(team[0], team[1]);
        await AssertHereAsync(team[1], blob, content);
    }

    [Fact]
    public async Task What_is_asked_for_while_it_goes_is_not_kept_as_evicted()
    {
        var disk = new FaultyBlobStore();
        (Team team, Blob blob, byte[] content) = await AttachAsync(disk);
        await using Team disposed = team;
        await BlobLink.MeetAsync(team[0], team[1]);
        Task asked = Task.CompletedTask;
        disk.Removed = _ => asked = team[1].Blobs.FetchAsync(blob).AsTask();
        await team[1].Blobs.EvictAsync(blob.Root, evenIfLast: true);
        Assert.False(team[1].Blobs.IsEvicted(blob.Root));
        await BlobLink.MeetAsync(team[0], team[1]);
        await asked;
        await team.ReopenAsync(1);
        Assert.False(team[1].Blobs.IsEvicted(blob.Root));
        await AssertHereAsync(team[1], blob, content);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_taken_in_again_is_here_whatever_becomes_of_the_note_that_it_was_evicted(bool isLogGone)
    {
        var disk = new FaultyBlobStore();
        (Team team, Blob blob, byte[] content) = await AttachAsync(disk);
        await using Team disposed = team;
        await BlobLink.MeetAsync(team[0], team[1]);
        await team[1].Blobs.EvictAsync(blob.Root, evenIfLast: true);
        using var patience = new CancellationTokenSource();
        disk.Completed = () => isLogGone ? team[1].DisposeAsync().AsTask() : patience.CancelAsync();
        Assert.Equal(blob.Root, (await team[1].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg", patience.Token)).Root);
        await team.ReopenAsync(1);
        await AssertHereAsync(team[1], blob, content);
        if (!isLogGone) Assert.False(team[1].Blobs.IsEvicted(blob.Root));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_device_takes_is_kept_and_what_cannot_be_kept_is_refused(bool isProjecting)
    {
        await using Team team = await Team.CreateAsync(2, 0, isProjecting, []);
        await team[1].Blobs.SetPolicyAsync(new BlobPolicy { ByMediaType = new Dictionary<string, BlobFetch> { ["image/*"] = BlobFetch.Never } });
        foreach (BlobPolicy wrong in (BlobPolicy[])
            [
                new() { QuotaBytes = -1 }, new() { BytesPerConnectionMax = -1 }, new() { Fetch = (BlobFetch)9 },
                new() { ByMediaType = new Dictionary<string, BlobFetch> { ["a/b"] = (BlobFetch)(-1) } },
                new() { ByMediaType = new Dictionary<string, BlobFetch> { [new string('x', 128)] = BlobFetch.Never } },
                new() { ByMediaType = Enumerable.Range(0, BlobPolicy.MediaTypesMax + 1).ToDictionary(i => $"x/{i}", _ => BlobFetch.Never) },
            ]) await Assert.ThrowsAsync<ArgumentException>(() => team[1].Blobs.SetPolicyAsync(wrong).AsTask());
        Blob blob = await team[0].Blobs.PutAsync(new MemoryStream(new byte[100_000]), "image/jpeg", "1.jpg");
        await team[0].CommitAsync(tx => tx.Upsert(Photo).Set("file", blob));
        for (int i = 0; i < 2; i++)
        {
            await BlobLink.MeetAsync(team[0], team[1]);
            Assert.Equal(BlobStanding.NotTaken, team[1].Blobs.Find(blob.Root)!.Standing);
            await team[1].FlushAsync();
            await team.ReopenAsync(1);
        }
        await team[1].Blobs.SetPolicyAsync(new BlobPolicy());
        await team.ReopenAsync(1);
        await BlobLink.MeetAsync(team[0], team[1]);
        Assert.Equal(BlobStanding.Here, team[1].Blobs.Find(blob.Root)!.Standing);
    }

    private static string? Problem(Replica replica, Blob blob)
    {
        lock (replica.Blobs.Gate) return replica.Blobs.FindJob(blob.Root) is { IsEnding: false, Problem: { } problem } ? problem.Text : null;
    }

    /// <summary>Two devices: what one of them names, the other one lacks.</summary>
    private static async Task<(Team Team, Blob Blob, byte[] Content)> AttachAsync(FaultyBlobStore disk)
    {
        Team team = await Team.CreateAsync(new TeamOptions { BlobsOf = i => i == 1 ? disk : new MemoryBlobStore() });
        await team.MeetAllAsync();
        byte[] content = new byte[(3 * BlobTree.ChunkLengthBytes) + 100];
        new Random(content.Length).NextBytes(content);
        Blob blob = await team[0].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await team[0].CommitAsync(tx => tx.Upsert(Photo).Set("file", blob));
        await team.MeetAllAsync();
        return (team, blob, content);
    }

    private static async Task AssertHereAsync(Replica replica, Blob blob, byte[] content)
    {
        await BlobLink.RestAsync(replica);
        Assert.Equal((BlobStanding.Here, "All of it is here."), (replica.Blobs.Find(blob.Root)!.Standing, replica.Blobs.Find(blob.Root)!.Explanation));
        await using Stream stream = replica.Blobs.OpenRead(blob);
        var read = new MemoryStream();
        await stream.CopyToAsync(read);
        Assert.Equal(content, read.ToArray());
    }
}
