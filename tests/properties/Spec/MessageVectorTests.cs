using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>docs/vectors/messages.json: one direction of a session, message by message.</summary>
public class MessageVectorTests
{
    private const string FileName = "messages.json";
    private static readonly DateTimeOffset Time = Team.Start;

    [Fact]
    [Trait("Spec", "WF-4.1")]
    [Trait("Spec", "WF-4.2")]
    [Trait("Spec", "WF-4.3")]
    [Trait("Spec", "WF-4.4")]
    [Trait("Spec", "WF-4.5")]
    [Trait("Spec", "WF-4.8")]
    [Trait("Spec", "WF-4.10")]
    [Trait("Spec", "WF-4.11")]
    [Trait("Spec", "WF-4.12")]
    [Trait("Spec", "WF-4.9")]
    [Trait("Spec", "WF-4.13")]
    [Trait("Spec", "WF-4.14")]
    [Trait("Spec", "WF-4.15")]
    [Trait("Spec", "WF-4.17")]
    [Trait("Spec", "WF-4.18")]
    public void The_vectors_are_what_the_codec_writes_and_reads_back()
    {
        SyncMessageCodec writing = new(), reading = new();
        var vectors = new JsonArray();
        foreach ((string name, SyncMessage message) in Messages())
        {
            var bytes = new ArrayBufferWriter<byte>();
            writing.Write(bytes, message);
            var again = new ArrayBufferWriter<byte>();
            var back = new SyncMessageCodec();
            SyncMessage read = reading.Read(new ReadOnlySequence<byte>(bytes.WrittenMemory));
            Assert.Equal(message.GetType(), read.GetType());
            if (message is not RunMessage told)
            {
                back.Write(again, read);
                Assert.Equal(bytes.WrittenSpan.ToArray(), again.WrittenSpan.ToArray());
            }
            else
            {
                BatchRun was = told.Run, now = ((RunMessage)read).Run;
                Assert.Equal((was.Author, was.FirstSequence, was.LastSequence), (now.Author, now.FirstSequence, now.LastSequence));
                Assert.Equal(was.Head.ToArray(), now.Head.ToArray());
                Assert.Equal(was.Batches.Select(b => b.ToArray()), now.Batches.Select(b => b.ToArray()));
            }
            vectors.Add((JsonNode)new JsonObject { ["name"] = name, ["bytes"] = Convert.ToHexStringLower(bytes.WrittenSpan) });
        }
        Repository.Verify(FileName, vectors);
    }

    [Theory]
    [Trait("Spec", "WF-4.1")]
    [InlineData("00")]
    [InlineData("06")]
    [InlineData("cc04")]
    [InlineData("04")]
    [InlineData("0500")]
    [InlineData("05 9000")]
    [InlineData("05 91 c410 00000000000000000000000000000001 10 00 90")]
    [InlineData("05 91 c410 00000000000000000000000000000001 10 00 92 c410 00000000000000000000000000000002 01")]
    [InlineData("05 91 c410 00000000000000000000000000000001 20 00 90")]
    [InlineData("05 91 c410 00000000000000000000000000000001 10 00 93 c410 00000000000000000000000000000002 01 c40f 000000000000000000000000000000")]
    [InlineData("0d 91 c410 00000000000000000000000000000001 10 00 93 c410 00000000000000000000000000000002 01 c410 00000000000000000000000000000003")]
    [InlineData("09")]
    [InlineData("09 90 90")]
    [InlineData("0b c410 00000000000000000000000000000001 91 01")]
    [InlineData("0f")]
    [InlineData("0f 00 c410 00000000000000000000000000000001 cd0401 00")]
    [InlineData("0f 00 c410 00000000000000000000000000000001 00 04")]
    [InlineData("0f 03 c410 00000000000000000000000000000001 00 00")]
    [InlineData("10 00 91 00")]
    [InlineData("11")]
    [InlineData("04 00 91 00 00")]
    [InlineData("08 c408 0000000000000000 00 91")]
    [InlineData("08 c408 0000000000000000 00 91 01 01 90")]
    [InlineData("08 c408 0000000000000000 00 91 10 01 c0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00")]
    [InlineData("08 c407 00000000000000 00 90")]
    [InlineData("02 c410 00000000000000000000000000000000 92 01 02")]
    public void Bytes_that_are_no_message_are_refused_as_such(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        var refused = Assert.Throws<SyncException>(() => new SyncMessageCodec().Read(new ReadOnlySequence<byte>(bytes)));
        Assert.Equal(SyncError.BadMessage, refused.Error);
    }

    public static TheoryData<string> MessagesThatAreNone() => [.. Misshapen().Select(m => m.Name)];

    /// <summary>What is one byte away from a message is another message, told in its one form, or none.</summary>
    [Fact]
    [Trait("Law", "9")]
    [Trait("Spec", "WF-4.1")]
    public void A_message_with_one_byte_changed_is_refused_or_is_the_one_encoding_of_what_it_says()
    {
        foreach ((string name, SyncMessage message) in Messages().Where(m => m.Name != "run of the same author"))
        {
            foreach (byte[] changed in Neighbours.Of(Encode(new SyncMessageCodec(), message).ToArray()))
            {
                try
                {
                    SyncMessage read = new SyncMessageCodec().Read(new ReadOnlySequence<byte>(changed));
                    Assert.True(changed.AsSpan().SequenceEqual(Encode(new SyncMessageCodec(), read).FirstSpan),
                        $"{name}: {Convert.ToHexStringLower(changed)} has another form.");
                }
                catch (SyncException e) when (e.Error == SyncError.BadMessage)
                {
                    // The one error.
                }
            }
        }
    }

    [Theory]
    [Trait("Spec", "WF-3.2")]
    [Trait("Spec", "WF-4.8")]
    [Trait("Spec", "WF-4.13")]
    [Trait("Spec", "WF-4.14")]
    [Trait("Spec", "WF-4.15")]
    [MemberData(nameof(MessagesThatAreNone))]
    public void Messages_that_are_out_of_order_or_beyond_limits_are_refused(string name)
    {
        SyncMessage message = Misshapen().Single(m => m.Name == name).Message;
        var refused = Assert.Throws<SyncException>(() => new SyncMessageCodec().Read(Encode(new SyncMessageCodec(), message)));
        Assert.Equal(SyncError.BadMessage, refused.Error);
    }

    private static IEnumerable<(string Name, SyncMessage Message)> Misshapen()
    {
        byte[] hash = new byte[32];
        ChainHead Head(long sequence, int lengthBytes = 32) => new(BatchCases.B, sequence, hash.AsMemory(0, lengthBytes));
        Fence Fence(long sequence, long by, int lengthBytes = 32) =>
            new(Head(sequence, lengthBytes), FenceReason.Forked, new Dot(BatchCases.C, by));
        FencesMessage Fences(params Fence[] fences) => new(fences, [], []);
        FencesMessage Forks(params ForkReport[] forks) => new([], [], forks);
        var fork = new ForkReport(Head(1), Head(2), Head(3));
        yield return ("fences out of order", Fences(Fence(1, by: 2), Fence(1, by: 1)));
        yield return ("a fence twice", Fences(Fence(1, by: 1), Fence(1, by: 1)));
        yield return ("a fence beyond all sequences", Fences(Fence(Dot.SequenceMax + 1, by: 1)));
        yield return ("a fence with a short hash", Fences(Fence(1, by: 1, lengthBytes: 31)));
        yield return ("a fence of no mutation", Fences(Fence(1, by: 0)));
        yield return ("runs aside out of order", new FencesMessage([], [2, 1], []));
        yield return ("a run aside twice", new FencesMessage([], [2, 2], []));
        yield return ("a fork twice", Forks(fork, fork));
        yield return ("a fork before what is common", Forks(fork with { One = Head(1) }));
        yield return ("a fork's heads out of order", Forks(fork with { Other = Head(1) }));
        yield return ("a fork beyond all sequences", Forks(fork with { Other = Head(Dot.SequenceMax + 1) }));
        yield return ("a fork with a short hash", Forks(fork with { Other = Head(3, lengthBytes: 31) }));
        yield return ("a chain out of order", new ChainMessage(BatchCases.B, [Head(2), Head(1)]));
        yield return ("a chain with a head twice", new ChainMessage(BatchCases.B, [Head(2), Head(2)]));
        yield return ("a chain with head 0", new ChainMessage(BatchCases.B, [Head(0)]));
        yield return ("a chain with a short hash", new ChainMessage(BatchCases.B, [Head(1, lengthBytes: 31)]));
        yield return ("a chain too long", new ChainMessage(BatchCases.B, [.. Enumerable.Range(1, 513).Select(i => Head(i))]));
        yield return ("an empty run aside", new AsideMessage(new BatchRun(BatchCases.B, 1, [], 1, hash), hash));
        yield return ("a run aside behind a short hash",
            new AsideMessage(new BatchRun(BatchCases.B, 1, [hash], 1, hash), hash.AsMemory(1)));
        yield return ("a run aside beyond all sequences",
            new AsideMessage(new BatchRun(BatchCases.B, 2, [hash], Dot.SequenceMax + 1, hash), hash));
        yield return ("a run aside with a short head",
            new AsideMessage(new BatchRun(BatchCases.B, 1, [hash], 1, hash.AsMemory(1)), hash));
        yield return ("a run with too many batches", new RunMessage(
            new BatchRun(BatchCases.B, 1, [.. Enumerable.Repeat<ReadOnlyMemory<byte>>(new byte[] { 1 }, 1_001)], 1, hash)));
        yield return ("a run with too many bytes", new RunMessage(
            new BatchRun(BatchCases.B, 1, [new byte[600_000], new byte[600_000]], 2, hash)));
        var digests = Enumerable.Range(1, 17).Select(i => new EntityDigest(new EntityKey("d", "t", $"{i}"), (UInt128)i));
        yield return ("a range of too many entities", new RangesMessage(hash.AsMemory(0, 8), 1,
            [new RangeSummary(new KeyRange(0, 0), null, [.. digests])]));
        yield return ("a run aside with too many batches", new AsideMessage(
            new BatchRun(BatchCases.B, 1, [.. Enumerable.Repeat<ReadOnlyMemory<byte>>(new byte[] { 1 }, 1_001)], 1, hash), hash));
    }

    [Fact]
    [Trait("Spec", "WF-4.6")]
    public async Task A_session_begins_with_one_have_and_has_no_other()
    {
        await using Team team = await Team.CreateAsync(2);
        using SyncSession left = new(team[0]), right = new(team[1]);
        ReadOnlySequence<byte> have = await NextAsync(left);
        Assert.Equal(1, have.FirstSpan[0]);
        await right.ReceiveAsync(have, default);
        SyncException again = await Assert.ThrowsAsync<SyncException>(() => right.ReceiveAsync(have, default).AsTask());
        Assert.Equal(SyncError.UnexpectedMessage, again.Error);
        using var early = new SyncSession(team[1]);
        var heads = new ReadOnlySequence<byte>([2, 0xC4, 16, .. new byte[16], 0x90]);
        SyncException first = await Assert.ThrowsAsync<SyncException>(() => early.ReceiveAsync(heads, default).AsTask());
        Assert.Equal(SyncError.UnexpectedMessage, first.Error);
    }

    [Fact]
    [Trait("Spec", "WF-4.6")]
    public async Task The_heads_hash_is_over_all_heads_and_the_digest()
    {
        await using Team team = await Team.CreateAsync(1);
        using var session = new SyncSession(team[0]);
        var have = (HaveMessage)new SyncMessageCodec().Read(await NextAsync(session));
        var bytes = new List<byte>();
        foreach (ChainHead head in team[0].Heads)
        {
            bytes.AddRange([0xC4, 16, .. head.Author.Value.ToByteArray(bigEndian: true)]);
            bytes.AddRange([(byte)head.Sequence, 0xC4, 32, .. head.Hash.ToArray()]);
        }
        byte[] digest = new byte[16];
        ReplicaStatus status = await team[0].GetStatusAsync();
        BinaryPrimitives.WriteUInt128BigEndian(digest, status.Digest.Value);
        bytes.AddRange([0xCF, .. digest.Take(8), 0xCF, .. digest.Skip(8)]);
        Assert.Equal(SHA256.HashData([.. bytes])[..12], have.HeadsHash.ToArray());
    }

    [Fact]
    [Trait("Spec", "WF-4.7")]
    public async Task Runs_beyond_the_credit_are_refused()
    {
        Assert.Equal(2_097_153, SyncSession.InitialCreditBytes);
        await using Team team = await Team.CreateAsync(2);
        using var session = new SyncSession(team[1]);
        var codec = new SyncMessageCodec();
        await session.ReceiveAsync(Encode(codec, new HaveMessage(
            BatchCases.A, ReplicaRole.Client, Time, new byte[HaveMessage.HeadsHashLengthBytes], new byte[HaveMessage.StatementsHashLengthBytes])), default);
        // A run that is covered already changes nothing, and uses up credit all the same.
        Assert.True(await session.WriteNextAsync(new ArrayBufferWriter<byte>(), default));
        var run = new RunMessage(new BatchRun(team.Genesis.Authority, 1, [new byte[1 << 20]], 1, new byte[32]));
        await session.ReceiveAsync(Encode(codec, run), default);
        await session.ReceiveAsync(Encode(codec, run), default);
        SyncException refused = await Assert.ThrowsAsync<SyncException>(() => session.ReceiveAsync(Encode(codec, run), default).AsTask());
        Assert.Equal(SyncError.CreditExceeded, refused.Error);
    }

    private static async Task<ReadOnlySequence<byte>> NextAsync(SyncSession session)
    {
        var buffer = new ArrayBufferWriter<byte>();
        Assert.True(await session.WriteNextAsync(buffer, default));
        return new ReadOnlySequence<byte>(buffer.WrittenMemory);
    }

    private static ReadOnlySequence<byte> Encode(SyncMessageCodec codec, SyncMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>();
        codec.Write(buffer, message);
        return new ReadOnlySequence<byte>(buffer.WrittenMemory);
    }

    private static IEnumerable<(string Name, SyncMessage Message)> Messages()
    {
        byte[] hash = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        var vector = VersionVector.From([new Dot(BatchCases.B, 300), new Dot(BatchCases.A, 5)]);
        yield return ("have", new HaveMessage(BatchCases.A, ReplicaRole.Server, Time, hash.AsMemory(0, 12), hash.AsMemory(0, 6)));
        yield return ("heads", new HeadsMessage((UInt128)1 << 100,
            [new ChainHead(BatchCases.A, 5, hash.AsMemory(0, 8)), new ChainHead(BatchCases.B, 300, hash.AsMemory(8, 8))]));
        yield return ("run of an author named here first", new RunMessage(new BatchRun(BatchCases.B, 299, [new byte[] { 1, 2 }], 300, hash)));
        yield return ("run of the same author", new RunMessage(
            new BatchRun(BatchCases.B, 301, [new byte[] { 3 }, new byte[] { 4, 5 }], 305, hash)));
        yield return ("ack", new AckMessage(Time, vector, 70_000));
        yield return ("statements", new StatementsMessage([new Acknowledgement(BatchCases.C, ReplicaRole.Server, Time, vector)]));
        byte[] signature = [.. Enumerable.Range(0, 64).Select(i => (byte)(255 - i))];
        yield return ("run with a signed head", new RunMessage(
            new BatchRun(BatchCases.B, 306, [new byte[] { 6 }], 306, (byte[])[.. hash, .. signature])));
        ChainTags tags = ChainTags.Of([(BatchCases.A, ChainTags.TagOf(hash)), (BatchCases.B, ChainTags.TagOf(hash.AsSpan(8)))]);
        yield return ("signed statements", new StatementsMessage(
            [new Acknowledgement(BatchCases.C, ReplicaRole.Client, Time, vector) { Tags = tags, Signature = signature }]));
        yield return ("signed statements, as the difference to heads that both have", new StatementsMessage(
            [new Acknowledgement(BatchCases.C, ReplicaRole.Server, Time, vector) { Tags = tags, IsRelative = true, Signature = signature }]));
        var index = new DigestIndex(Enumerable.Range(1, 20).Select(i => (new EntityKey("d", "t", $"{i}"), (UInt128)i << 64)));
        KeyRange part = new KeyRange(0, 0).Part((int)(KeyRange.HashOf(new EntityKey("d", "t", "1")) >> 60));
        yield return ("standing", new StandingMessage([new Acknowledgement(BatchCases.A, ReplicaRole.Client, Time, vector)]));
        yield return ("ranges", new RangesMessage(hash.AsMemory(0, 8), 0, [index.Summarize(new KeyRange(0, 0), false)]));
        yield return ("ranges by entity", new RangesMessage(hash.AsMemory(0, 8), 1, [index.Summarize(part, true)]));
        yield return ("snapshot", new SnapshotMessage(new byte[] { 1, 2, 3 }));
        yield return ("chunk", new ChunkMessage(hash));
        yield return ("wanted", new WantedMessage(300));
        yield return ("no snapshot", new SnapshotMessage(default));
        yield return ("ask", new AskMessage());
        yield return ("tree, as its root", new TreeMessage(new MeshPlace(ReplicaRole.Server, BatchCases.A, 0), false, false));
        yield return ("tree, behind the receiver, and asking it", new TreeMessage(new MeshPlace(ReplicaRole.Client, BatchCases.B, 1_024), true, true));
        yield return ("sums of heads", new SumsMessage((byte[])[.. Enumerable.Range(0, HeadSums.LengthBytes).Select(i => (byte)(i * 7))]));
        yield return ("heads of two parts", new HeadsMessage((UInt128)1 << 100,
            [new ChainHead(BatchCases.A, 5, hash.AsMemory(0, 8)), new ChainHead(BatchCases.B, 300, hash.AsMemory(8, 8))],
            (1UL << HeadSums.PartOf(BatchCases.A)) | (1UL << HeadSums.PartOf(BatchCases.B))));
        yield return ("standing, as the difference to what both held", new StandingMessage(
            [new Acknowledgement(BatchCases.A, ReplicaRole.Client, Time, vector) { IsRelative = true, Signature = signature }]));
        yield return ("holds", new HoldsMessage(Time, vector));
        yield return ("ranges of another moment", new RangesMessage(hash.AsMemory(8, 8), 0, []));
        ReadOnlyMemory<byte> signed = signature;
        ChainHead Head(long sequence) => new(BatchCases.B, sequence, SHA256.HashData([(byte)sequence])) { Signature = signed };
        yield return ("fences", new FencesMessage(
            [
                new Fence(new ChainHead(BatchCases.B, 0, AuthorTable.ChainStart(BatchCases.B)), FenceReason.Revoked, new Dot(BatchCases.C, 7)),
                new Fence(Head(300), FenceReason.Forked, new Dot(BatchCases.C, 8)) { Signature = signed },
            ],
            [1, ulong.MaxValue], [ForkReport.Of(Head(5), Head(9), Head(7))]));
        yield return ("chain", new ChainMessage(BatchCases.B, [Head(1), Head(300) with { Signature = default }]));
        yield return ("aside", new AsideMessage(
            new BatchRun(BatchCases.B, 299, [new byte[] { 1, 2 }, new byte[] { 3 }], 301, (byte[])[.. hash, .. signature]), hash));
    }
}
