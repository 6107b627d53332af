using System.IO.Compression;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

[Trait("Law", "9")]
public class BatchLaws
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    [Fact]
    public void What_is_encoded_is_decoded_again_and_encodes_to_the_same_bytes() => Law.Holds(Seeds, seed =>
    {
        BatchColumns columns = ForeignBatches.Build(new Random(seed), out long first);
        byte[] bytes = new BatchWriter().Write(columns, first);
        var decoded = new BatchColumns();
        new BatchReader().Read(bytes, ForeignBatches.Author, first, decoded);
        Assert.Equal(Describe(columns, first), Describe(decoded, first));
        Assert.Equal(bytes, new BatchWriter().Write(decoded, first));
    });

    [Fact]
    public void A_reader_and_a_writer_are_as_new_after_every_batch_and_every_error()
    {
        var reader = new BatchReader();
        var writer = new BatchWriter();
        var decoded = new BatchColumns();
        Law.Holds(Seeds, seed =>
        {
            var random = new Random(seed);
            BatchColumns columns = ForeignBatches.Build(random, out long first);
            byte[] bytes = writer.Write(columns, first);
            Assert.Throws<BatchFormatException>(() => reader.Read(bytes.AsMemory(0, random.Next(bytes.Length)),
                ForeignBatches.Author, first, decoded));
            reader.Read(bytes, ForeignBatches.Author, first, decoded);
            Assert.Equal(bytes, writer.Write(decoded, first));
        });
    }

    [Fact]
    public void Whatever_was_done_to_the_bytes_they_are_refused_or_are_the_one_encoding_of_what_they_say() =>
        Law.Holds(Seeds, seed =>
        {
            var random = new Random(seed);
            byte[] plain = Plain(new BatchWriter().Write(ForeignBatches.Build(random, out long first), first));
            for (int i = 0; i < 60; i++) CheckForeign(Damage.Some(random, plain, from: 1), first);
        });

    [Fact]
    public void Bytes_at_random_are_refused_or_are_the_one_encoding_of_what_they_say() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        byte[] bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        if (bytes.Length > 0) bytes[0] = BatchWriter.PlainFormat;
        CheckForeign(bytes, random.Next(1, 5));
    }, count: 5_000);

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 4, 1, 2, 3 })]
    [InlineData(new byte[] { 2 })]
    [InlineData(new byte[] { 3 })]
    [InlineData(new byte[] { 3, 0xCD, 0x00 })]
    [InlineData(new byte[] { 3, 0xCD, 0x00, 0x01 })]
    [InlineData(new byte[] { 3, 0xCD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 3, 0xCE, 0xFF, 0xFF, 0xFF, 0xFF, 0 })]
    [InlineData(new byte[] { 2, 0xCD, 0xFF, 0xFF })]
    [InlineData(new byte[] { 2, 0xCE, 0xFF, 0xFF, 0xFF, 0xFF, 0 })]
    public void What_is_no_batch_is_refused(byte[] bytes) => Assert.Throws<BatchFormatException>(() =>
        new BatchReader().Read(bytes, ForeignBatches.Author, 1, new BatchColumns()));

    [Fact]
    public void A_compressed_batch_that_unpacks_to_more_or_less_than_it_declares_is_refused()
    {
        byte[] content = new byte[5_000];
        byte[] packed = new byte[500];
        Assert.True(BrotliEncoder.TryCompress(content, packed, out int length, 4, 20));
        foreach (int declared in new[] { 0, 1, 4_999, 5_001, 60_000 })
        {
            byte[] bytes = [BatchWriter.CompressedFormat, 0xCD, (byte)(declared >> 8), (byte)declared, .. packed[..length]];
            var error = Assert.Throws<BatchFormatException>(
                () => new BatchReader().Read(bytes, ForeignBatches.Author, 1, new BatchColumns()));
            Assert.Equal(BatchError.BadCompression, error.Error);
        }
    }

    [Fact]
    public void A_batch_that_promises_millions_of_items_in_a_few_bytes_takes_no_memory_for_them()
    {
        byte[] bytes = [BatchWriter.PlainFormat, 0, 1, 0xCE, 0x00, 0xFF, 0xFF, 0xFF, .. new byte[1_000]];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<BatchFormatException>(() => new BatchReader().Read(bytes, ForeignBatches.Author, 1, new BatchColumns()));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void A_dot_that_is_told_twice_is_refused()
    {
        var columns = new BatchColumns();
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.Timestamp, row.EndsTransaction) = (MutationKind.Update, new HybridTimestamp(1), true);
        row.Entity = columns.Entities.GetOrAdd(new("d", "t", "1"));
        columns.AddChange(columns.Paths.GetOrAdd("a"));
        for (int i = 0; i < 2; i++) columns.AddDot(columns.IndexOfOther(Team.IdOf(2)), 3);
        var error = Assert.Throws<BatchFormatException>(() => new BatchReader().Read(
            new BatchWriter().Write(columns, 1), ForeignBatches.Author, 1, new BatchColumns()));
        Assert.Equal(BatchError.NotCanonical, error.Error);
    }

    [Fact]
    public void A_value_may_not_grow_beyond_its_limit_by_referring_to_texts()
    {
        var columns = new BatchColumns();
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.Timestamp, row.EndsTransaction) = (MutationKind.Update, new HybridTimestamp(1), true);
        row.Entity = columns.Entities.GetOrAdd(new("d", "t", "1"));
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd("long"));
        string text = new('x', 250);
        (change.HasValue, change.Value) = (true, Value.ArrayOf(Enumerable.Repeat((Value)text, 50_000)));
        var error = Assert.Throws<BatchFormatException>(() => new BatchReader().Read(
            new BatchWriter().Write(columns, 1), ForeignBatches.Author, 1, new BatchColumns()));
        Assert.Equal(BatchError.LimitExceeded, error.Error);
    }

    private static void CheckForeign(byte[] bytes, long first)
    {
        var columns = new BatchColumns();
        try
        {
            new BatchReader().Read(bytes, ForeignBatches.Author, first, columns);
        }
        catch (BatchFormatException)
        {
            return;
        }
        Assert.Equal(Plain(bytes), Plain(new BatchWriter().Write(columns, first)));
    }

    /// <summary>The batch as it is before it is packed.</summary>
    private static byte[] Plain(byte[] stored) =>
        [BatchWriter.PlainFormat, .. BatchReader.Unpack(stored, out _, new ColumnUnpacker()).Span];

    private static string Describe(BatchColumns columns, long first) => string.Join('\n', Enumerable.Range(0, columns.MutationCount)
        .Select(m => columns.ToMutation(m, ForeignBatches.Author, first))
        .Select(m => $"{m} {m.Context.ToJson()} " + string.Join('|', m.Changes.Select(c =>
            $"{Convert.ToHexString(c.Path.Bytes)} {c.Value?.Kind} {c.Value?.ToJson()} {c.Claim} {string.Join(' ', c.Observed)}")))
        .Select(text => text.Replace("System.Collections.Generic.List`1[Crdt.Change]", "", StringComparison.Ordinal)));
}
