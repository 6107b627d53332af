using System.Buffers;

namespace Crdt.Properties;

/// <summary>What two replicas tell and ask each other of attachments, message by message, and what becomes of it when one of them
/// stalls, fails, breaks off or says what it should not.</summary>
[Trait("Spec", "WF-12.3")]
public class BlobExchangeTests
{
    private const int Chunks = 6;

    private static readonly EntityKey Photo = new("incident", "photo", "1");
    private static readonly BlobHash Unknown = BlobHash.FromBytes([.. Enumerable.Repeat((byte)0xaa, BlobHash.LengthBytes)]);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(31);

    [Fact]
    public async Task What_somebody_was_asked_for_and_has_not_sent_for_long_is_asked_of_others()
    {
        await using Team team = await TeamAsync(3);
        (Blob blob, byte[] content) = await AttachAsync(team, 0, 1);
        using var slow = new BlobLink(team[2], team[0]);
        using var other = new BlobLink(team[2], team[1]);
        await PassUntilWantedAsync(slow);
        int asked = slow[0].Underway.Count;
        Assert.InRange(asked, 1, Chunks - 1);
        slow[0].Watch(); // it is not late yet
        await other.PassAllAsync();
        Assert.Equal(Chunks - asked, team[2].Blobs.Find(blob.Root)!.Chunks);

        team.Clocks[2].Advance(Long);
        Assert.True(slow[0].IsStalled);
        slow[0].Watch();
        await other.PassAllAsync();
        await AssertArrivedAsync(team[2], blob, content);
        // What comes late all the same is no mistake, and asks for nothing more.
        await slow.PassAllAsync();
        Assert.Empty(slow[0].Underway);
        Assert.False(slow[0].IsStalled);
    }

    [Fact]
    public async Task A_source_that_has_ended_has_nothing_more_to_say_and_its_chunks_are_asked_of_others()
    {
        await using Team team = await TeamAsync(3);
        (Blob blob, byte[] content) = await AttachAsync(team, 0, 1);
        var broken = new BlobLink(team[2], team[0]);
        using var other = new BlobLink(team[2], team[1]);
        await PassUntilWantedAsync(broken);
        // Both ends go amid a chunk.
        await broken.PassUntilAsync(1, BlobMessageKind.Piece);
        broken.Dispose();
        broken.Dispose();
        broken[0].Watch();
        Assert.Null(await broken.PassAsync(0));
        Assert.Null(await broken.PassAsync(1));
        await other.PassAllAsync();
        await AssertArrivedAsync(team[2], blob, content);
    }

    [Fact]
    public async Task A_chunk_that_is_still_being_read_when_the_session_ends_goes_nowhere()
    {
        var slow = new FaultyBlobStore { StopsAfter = 0 };
        await using Team team = await TeamAsync(2, slow);
        (Blob blob, byte[] content) = await AttachAsync(team, 0);
        int called = 0;
        BlobExchange sender = team[0].Blobs.Join(() => null, () => Interlocked.Increment(ref called));
        await sender.ReceiveAsync(Written(output => BlobMessages.WriteWant(output, blob.Root, [0, 1])), default);
        Assert.False(sender.TryWriteNext(new ArrayBufferWriter<byte>()));
        Assert.False(sender.TryWriteNext(new ArrayBufferWriter<byte>())); // one at a time
        Assert.Equal(1, slow.Reads);
        sender.Dispose();
        int before = Volatile.Read(ref called);
        slow.Go();
        await BlobLink.UntilAsync(() => Volatile.Read(ref called) > before);
        Assert.False(sender.TryWriteNext(new ArrayBufferWriter<byte>()));
        await BlobLink.MeetAsync(team[0], team[1]);
        await AssertArrivedAsync(team[1], blob, content);
    }

    [Fact]
    public async Task A_chunk_that_cannot_be_read_is_told_to_be_gone_and_asked_of_others()
    {
        var failing = new FaultyBlobStore { ReadFailure = new IOException("bad sector") };
        await using Team team = await TeamAsync(3, failing);
        (Blob blob, byte[] content) = await AttachAsync(team, 0, 1);
        using (var link = new BlobLink(team[2], team[0]))
        {
            await link.PassAllAsync();
            Assert.Empty(link[0].Underway);
            Assert.False(link[0].IsSourceOf(blob.Root));
            BlobState state = team[2].Blobs.Find(blob.Root)!;
            Assert.Equal((0, BlobError.Missing, "No connected peer has what is missing."), (state.Chunks, state.Problem!.Value, state.Explanation));
            using var other = new BlobLink(team[2], team[1]);
            await other.PassAllAsync();
        }
        await AssertArrivedAsync(team[2], blob, content);
    }

    [Fact]
    public async Task A_chunk_that_is_damaged_at_its_source_is_told_to_be_gone_and_the_others_come()
    {
        var damaged = new FaultyBlobStore();
        await using Team team = await TeamAsync(2, damaged);
        (Blob blob, byte[] content) = await AttachAsync(team, 0);
        damaged.Damage(blob.Root, 3);
        using var link = new BlobLink(team[1], team[0]);
        await link.PassAllAsync();
        Assert.Equal((Chunks - 1, 1), (team[1].Blobs.Find(blob.Root)!.Chunks, team[1].Blobs.Find(blob.Root)!.Sources - link[0].Underway.Count));
        BlobState atSource = team[0].Blobs.Find(blob.Root)!;
        Assert.Equal((Chunks - 1, 1), (atSource.Chunks, atSource.Damaged));
        Assert.Contains("1 chunks were found damaged on the disk", atSource.Explanation);

        // Taken in anew it is told of, and comes.
        await team[0].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await link.PassAllAsync();
        await AssertArrivedAsync(team[1], blob, content);
    }

    [Fact]
    public async Task The_window_grows_while_a_round_is_quick_and_shrinks_when_it_is_slow()
    {
        await using Team team = await TeamAsync(2);
        (Blob blob, _) = await AttachAsync(team, 150 * BlobTree.ChunkLengthBytes, [0]);
        using var link = new BlobLink(team[1], team[0]);
        int largest = 0;
        await PassUntilWantedAsync(link);
        int first = link[0].Underway.Count;
        for (int chunk = 0; chunk < 2 + 4 + 8 + 16; chunk++)
        {
            await PassChunkAsync(link, team[1], blob);
            largest = Math.Max(largest, link[0].Underway.Count);
        }
        Assert.Equal((2, 32), (first, largest));
        for (int chunk = 0; chunk < 32 + 16 + 8 + 4; chunk++)
        {
            team.Clocks[1].Advance(TimeSpan.FromSeconds(1));
            await PassChunkAsync(link, team[1], blob);
        }
        Assert.InRange(link[0].Underway.Count, 1, 2 * first);
    }

    [Fact]
    public async Task More_blobs_than_one_message_names_are_asked_for_in_several()
    {
        await using Team team = await TeamAsync(2);
        var blobs = new List<Blob>();
        for (int i = 0; i <= BlobMessages.AsksMax; i++)
            blobs.Add(await team[0].Blobs.PutAsync(new MemoryStream(BitConverter.GetBytes(i)), "image/jpeg", ""));
        await team[0].CommitAsync(tx =>
        {
            EntityEdit edit = tx.Upsert(Photo);
            for (int i = 0; i < blobs.Count; i++) edit = edit.Set($"file{i}", blobs[i]);
        });
        await team.MeetAllAsync();
        Assert.Equal(blobs.Count, team[1].Blobs.List().Count);
        using var link = new BlobLink(team[1], team[0]);
        await link.PassUntilAsync(0, BlobMessageKind.Ask);
        await link.PassUntilAsync(0, BlobMessageKind.Ask);
        await link.PassAllAsync();
        await BlobLink.RestAsync(team[1]);
        Assert.All(team[1].Blobs.List(), state => Assert.Equal(BlobStanding.Here, state.Standing));
    }

    [Fact]
    public async Task Who_sent_what_is_not_its_chunk_is_named_and_who_has_it_later_is_asked()
    {
        await using Team team = await TeamAsync(3);
        (Blob blob, byte[] content) = await AttachAsync(team, 0);
        using var liar = new BlobLink(team[1], team[0]) { IsLying = true };
        using var other = new BlobLink(team[1], team[2]);
        await other.PassAllAsync();
        await liar.PassAllAsync();
        BlobState state = team[1].Blobs.Find(blob.Root)!;
        Assert.Equal((BlobStanding.Refused, 0), (state.Standing, state.Chunks));
        Assert.StartsWith($"{team[0].Id} sent chunk", state.Explanation);
        await team[2].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await other.PassAllAsync();
        await AssertArrivedAsync(team[1], blob, content);
    }

    [Fact]
    public async Task A_connection_brings_no_more_than_its_budget_but_what_somebody_waits_for()
    {
        await using Team team = await TeamAsync(2);
        (Blob blob, byte[] content) = await AttachAsync(team, 0);
        team[1].Blobs.Policy = new BlobPolicy { BytesPerConnectionMax = 2 * BlobTree.ChunkLengthBytes };
        using var link = new BlobLink(team[1], team[0]);
        await link.PassAllAsync();
        Assert.Equal(2, team[1].Blobs.Find(blob.Root)!.Chunks);
        Task waiting = team[1].Blobs.FetchAsync(blob).AsTask();
        await link.PassAllAsync();
        await waiting;
        await AssertArrivedAsync(team[1], blob, content);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3 * BlobTree.ChunkLengthBytes, 3)]
    [InlineData((3 * BlobTree.ChunkLengthBytes) + 1, 4)]
    [InlineData(7 * BlobTree.ChunkLengthBytes, 7)]
    public async Task The_chunk_that_reaches_the_budget_is_the_last_however_many_may_be_on_their_way(long budget, int chunks)
    {
        await using Team team = await TeamAsync(2);
        team[1].Blobs.Policy = new BlobPolicy { BytesPerConnectionMax = budget };
        byte[] content = new byte[20 * BlobTree.ChunkLengthBytes];
        new Random(1).NextBytes(content);
        Blob blob = await team[0].Blobs.PutAsync(new MemoryStream(content), "application/octet-stream", "");
        await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("file", blob));
        await team.MeetAllAsync();
        for (int connection = 1; connection <= 2; connection++)
        {
            using var link = new BlobLink(team[1], team[0]);
            await link.PassAllAsync();
            Assert.Equal(connection * chunks, team[1].Blobs.Find(blob.Root)!.Chunks);
        }
    }

    [Fact]
    public async Task More_blobs_than_may_be_asked_for_end_the_session()
    {
        const int InterestsMax = 65_536;
        await using Team team = await TeamAsync(1);
        using BlobExchange exchange = team[0].Blobs.Join(() => null, () => { });
        for (int at = 0; at < InterestsMax; at += BlobMessages.AsksMax)
            await exchange.ReceiveAsync(Written(output => BlobMessages.WriteAsk(output, [.. Enumerable.Range(at, BlobMessages.AsksMax).Select(HashOf)])), default);
        byte[] more = Written(output => BlobMessages.WriteAsk(output, [HashOf(InterestsMax)]));
        Assert.Equal(SyncError.BadMessage, (await Assert.ThrowsAsync<SyncException>(async () => await exchange.ReceiveAsync(more, default))).Error);
    }

    [Fact]
    public async Task What_was_not_asked_about_is_passed_over()
    {
        await using Team team = await TeamAsync(1);
        using BlobExchange exchange = team[0].Blobs.Join(() => null, () => { });
        await exchange.ReceiveAsync(Written(output => BlobMessages.WriteHolds(output, Unknown, 3 * BlobTree.ChunkLengthBytes, new ChunkRuns([(0, 3)]))), default);
        Assert.False(exchange.IsSourceOf(Unknown));
        Assert.False(exchange.TryWriteNext(new ArrayBufferWriter<byte>()));
    }

    [Fact]
    public async Task A_chunk_within_a_chunk_and_one_that_is_too_long_end_the_session()
    {
        await using Team team = await TeamAsync(2);
        (Blob blob, _) = await AttachAsync(team, 0);
        foreach (bool isWithin in (bool[])[true, false])
        {
            using var link = new BlobLink(team[1], team[0]);
            await link.PassUntilAsync(0, BlobMessageKind.Ask);
            await link.PassUntilAsync(1, BlobMessageKind.Holds);
            int last = Chunks - 1, chunk = isWithin ? 0 : last;
            while (!link[0].Underway.Contains((blob.Root, chunk))) await PassChunkAsync(link, team[1], blob);
            byte[] begin = Written(output => BlobMessages.WriteChunk(output, blob.Root, chunk, []));
            await link[0].ReceiveAsync(begin, default);
            // The last chunk is shorter than a piece.
            byte[] wrong = isWithin ? begin : Written(output => BlobMessages.WritePiece(output, new byte[1001]));
            Assert.Equal(SyncError.UnexpectedMessage, (await Assert.ThrowsAsync<SyncException>(async () => await link[0].ReceiveAsync(wrong, default))).Error);
        }
    }

    /// <summary>The first side asks what the other has, and wants it.</summary>
    private static async Task PassUntilWantedAsync(BlobLink link)
    {
        await link.PassUntilAsync(0, BlobMessageKind.Ask);
        await link.PassUntilAsync(1, BlobMessageKind.Holds);
        await link.PassUntilAsync(0, BlobMessageKind.Want);
    }

    /// <summary>A chunk from the first to the last piece, and what is said before it.</summary>
    private static async Task PassChunkAsync(BlobLink link, Replica to, Blob blob)
    {
        while (await link.PassAsync(0) is not null) { }
        int before = to.Blobs.Find(blob.Root)!.Chunks;
        while (to.Blobs.Find(blob.Root)!.Chunks == before) Assert.NotNull(await link.PassAsync(1));
    }

    /// <param name="count">How many devices.</param>
    /// <param name="first">Where the first one keeps content.</param>
    private static async Task<Team> TeamAsync(int count, IBlobStore? first = null)
    {
        Team team = await Team.CreateAsync(new TeamOptions { Devices = count, BlobsOf = i => i == 0 && first is not null ? first : new FaultyBlobStore() });
        await team.MeetAllAsync();
        return team;
    }

    private static Task<(Blob Blob, byte[] Content)> AttachAsync(Team team, params int[] holders) =>
        AttachAsync(team, ((Chunks - 1) * BlobTree.ChunkLengthBytes) + 1000, holders);

    /// <summary>Some hold content, and everybody knows that it is named.</summary>
    private static async Task<(Blob Blob, byte[] Content)> AttachAsync(Team team, int length, int[] holders)
    {
        byte[] content = new byte[length];
        new Random(length).NextBytes(content);
        Blob? blob = null;
        foreach (int holder in holders) blob = await team[holder].Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await team[holders[0]].CommitAsync(tx => tx.Upsert(Photo).Set("file", blob!));
        await team.MeetAllAsync();
        return (blob!, content);
    }

    private static async Task AssertArrivedAsync(Replica replica, Blob blob, byte[] content)
    {
        await BlobLink.RestAsync(replica);
        Assert.Equal((Chunks, BlobStanding.Here), (replica.Blobs.Find(blob.Root)!.Chunks, replica.Blobs.Find(blob.Root)!.Standing));
        await using Stream stream = replica.Blobs.OpenRead(blob);
        var read = new MemoryStream();
        await stream.CopyToAsync(read);
        Assert.Equal(content, read.ToArray());
    }

    private static BlobHash HashOf(int number)
    {
        byte[] bytes = new byte[BlobHash.LengthBytes];
        BitConverter.TryWriteBytes(bytes, number);
        return BlobHash.FromBytes(bytes);
    }

    private static byte[] Written(Action<ArrayBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return output.WrittenSpan.ToArray();
    }
}
