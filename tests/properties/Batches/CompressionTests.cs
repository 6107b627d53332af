namespace Crdt.Properties;

public class CompressionTests
{
    [Fact]
    [Trait("Spec", "WF-2.2")]
    public async Task A_packed_or_compressed_batch_with_something_behind_it_is_refused()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx =>
        {
            for (int i = 0; i < 100; i++) tx.Create(new("incident", "strike", $"{i}")).Set("species", "gull");
        });
        LogEntry entry = team.Stores[0].ReadLog(default).Select(l => l.Entry).Last(e => e.Kind == LogEntryKind.Batch);
        byte[] whole = entry.Payload.ToArray();
        Assert.Equal(BatchWriter.PackedFormat, whole[0]);
        byte[] plain = [BatchWriter.PlainFormat, .. BatchReader.Unpack(whole, out _, new ColumnUnpacker()).Span];
        byte[] compressed = BatchWriter.Compress(plain);
        Assert.Equal(BatchWriter.CompressedFormat, compressed[0]);
        var columns = new BatchColumns();
        foreach (byte[] stored in new[] { whole, compressed, plain })
        {
            new BatchReader().Read(stored, entry.Author, entry.FirstSequence, columns);
            Assert.Equal(100, columns.MutationCount);
            BatchFormatException error = Assert.Throws<BatchFormatException>(
                () => new BatchReader().Read((byte[])[.. stored, 0], entry.Author, entry.FirstSequence, columns));
            Assert.Equal(stored == plain ? BatchError.Trailing : BatchError.BadCompression, error.Error);
        }
    }
}
