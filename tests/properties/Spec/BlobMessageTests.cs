using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties.Spec;

/// <summary>The lane of attachments, byte by byte, and what is said there by whoever does not keep to it.</summary>
[Trait("Spec", "WF-12.3")]
public class BlobMessageTests
{
    private static readonly BlobHash Root = BlobHash.FromBytes([.. Enumerable.Repeat((byte)0xaa, BlobHash.LengthBytes)]);
    private static readonly string Hash = "c420" + Root;

    [Fact]
    public void Each_message_has_its_one_form()
    {
        AssertWritten("9201" + Hash, output => BlobMessages.WriteAsk(output, [Root]));
        AssertWritten("9702" + Hash + "ce000a000000030205", output => BlobMessages.WriteHolds(output, Root, 655_360, new ChunkRuns([(0, 3), (5, 10)])));
        AssertWritten("9403" + Hash + "0007", output => BlobMessages.WriteWant(output, Root, [0, 7]));
        AssertWritten("9404" + Hash + "07" + Hash, output => BlobMessages.WriteChunk(output, Root, 7, [Root]));
        AssertWritten("9205c403010203", output => BlobMessages.WritePiece(output, [1, 2, 3]));
        AssertWritten("9306" + Hash + "07", output => BlobMessages.WriteGone(output, Root, 7));
    }

    [Theory]
    [InlineData("", SyncError.BadMessage)]
    [InlineData("90", SyncError.BadMessage)]
    [InlineData("9201c40100", SyncError.BadMessage)]
    [InlineData("9202HASH", SyncError.BadMessage)]
    [InlineData("9302HASHff", SyncError.BadMessage)]
    [InlineData("9402HASH0000", SyncError.BadMessage)]
    [InlineData("9502HASH000000", SyncError.BadMessage)]
    [InlineData("9502HASH0100ff", SyncError.BadMessage)]
    [InlineData("9502HASH010101", SyncError.BadMessage)]
    [InlineData("9502HASH01ce7fffffffce7fffffff", SyncError.BadMessage)]
    [InlineData("9203HASH", SyncError.BadMessage)]
    [InlineData("9303HASHff", SyncError.BadMessage)]
    [InlineData("9304HASH00", SyncError.UnexpectedMessage)]
    [InlineData("9205c400", SyncError.BadMessage)]
    [InlineData("9205c40101", SyncError.UnexpectedMessage)]
    [InlineData("9306HASH00", SyncError.UnexpectedMessage)]
    [InlineData("9206HASH", SyncError.BadMessage)]
    [InlineData("9204HASH", SyncError.BadMessage)]
    [InlineData("9201c0", SyncError.BadMessage)]
    [InlineData("9205c0", SyncError.BadMessage)]
    [InlineData("dd7fffffff01", SyncError.BadMessage)]
    public async Task What_is_no_message_or_answers_nothing_ends_the_session(string message, SyncError error)
    {
        await using Team team = await Team.CreateAsync(1);
        using BlobExchange exchange = team[0].Blobs.Join(() => null, () => { });
        byte[] bytes = Convert.FromHexString(message.Replace("HASH", Hash, StringComparison.Ordinal));
        Assert.Equal(error, (await Assert.ThrowsAsync<SyncException>(async () => await exchange.ReceiveAsync(bytes, default))).Error);
    }

    [Theory]
    [Trait("Spec", "WF-9.3")]
    [InlineData("96ffHASH0100c40101HASH", true)]
    [InlineData("95ffHASH0100c40101", true)]
    [InlineData("94ffHASH0100", false)]
    [InlineData("95ffHASH0000c400", false)]
    [InlineData("95ffHASHff00c400", false)]
    [InlineData("95ffHASH0101c40101", false)]
    [InlineData("95ffHASH01ffc40101", false)]
    [InlineData("95ffHASH0100c4020101", false)]
    [InlineData("95ffHASH0100c0", false)]
    [InlineData("95ffHASH01", false)]
    public void A_chunk_on_paper_is_one_or_is_refused(string payload, bool isOne)
    {
        byte[] bytes = Convert.FromHexString(payload.Replace("HASH", Hash, StringComparison.Ordinal));
        if (isOne) Assert.Equal((Root, 1L, 0), (PaperChunk.Read(bytes)!.Root, PaperChunk.Read(bytes)!.Size, PaperChunk.Read(bytes)!.Chunk));
        else Assert.Equal(SyncError.BadMessage, Assert.Throws<SyncException>(() => PaperChunk.Read(bytes)).Error);
        Assert.Null(PaperChunk.Read(Convert.FromHexString("9101")));
        Assert.Null(PaperChunk.Read(Convert.FromHexString("01")));
        Assert.Null(PaperChunk.Read(Convert.FromHexString("91a0")));
    }

    [Fact]
    public async Task More_is_not_asked_for_or_wanted_than_may_be()
    {
        await using Team team = await Team.CreateAsync(1);
        using BlobExchange exchange = team[0].Blobs.Join(() => null, () => { });
        byte[] want = Written(output => BlobMessages.WriteWant(output, Root, [.. Enumerable.Range(0, BlobMessages.WantsMax)]));
        await exchange.ReceiveAsync(want, default);
        byte[] more = Written(output => BlobMessages.WriteWant(output, Root, [1]));
        Assert.Equal(SyncError.BadMessage, (await Assert.ThrowsAsync<SyncException>(async () => await exchange.ReceiveAsync(more, default))).Error);

        byte[] ask = Written(output => BlobMessages.WriteAsk(output, [.. Enumerable.Range(0, BlobMessages.AsksMax + 1).Select(HashOf)]));
        Assert.Equal(SyncError.BadMessage, (await Assert.ThrowsAsync<SyncException>(async () => await exchange.ReceiveAsync(ask, default))).Error);
        await exchange.ReceiveAsync(Convert.FromHexString("920701"), default); // of a later version: passed over

        // Nothing of it is here: each is told to be gone.
        int gone = 0;
        var output = new ArrayBufferWriter<byte>();
        while (exchange.TryWriteNext(output)) gone++;
        Assert.Equal(BlobMessages.WantsMax, gone);
    }

    [Fact]
    public async Task Bytes_at_random_are_refused_or_are_a_message()
    {
        await using Team team = await Team.CreateAsync(1);
        byte[][] messages = [.. new[] { "9201" + Hash, "9602" + Hash + "00030205", "9403" + Hash + "0007", "9404" + Hash + "07" + Hash, "9205c403010203", "9306" + Hash + "07" }
            .Select(Convert.FromHexString)];
        Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            using BlobExchange exchange = team[0].Blobs.Join(() => null, () => { });
            byte[] message = [.. messages[random.Next(messages.Length)]];
            for (int i = random.Next(1, 4); i > 0; i--) message[random.Next(message.Length)] = (byte)random.Next(256);
            try
            {
                Task taking = exchange.ReceiveAsync(message.AsMemory(0, random.Next(message.Length + 1)), default).AsTask();
                Assert.True(taking.IsCompleted);
                taking.GetAwaiter().GetResult();
            }
            catch (SyncException)
            {
                // As it should be.
            }
        });
    }

    private static BlobHash HashOf(int number)
    {
        byte[] bytes = new byte[BlobHash.LengthBytes];
        BitConverter.TryWriteBytes(bytes, number);
        return BlobHash.FromBytes(bytes);
    }

    private static void AssertWritten(string expected, Action<ArrayBufferWriter<byte>> write) =>
        Assert.Equal(expected, Convert.ToHexStringLower(Written(write)));

    private static byte[] Written(Action<ArrayBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return output.WrittenSpan.ToArray();
    }
}
