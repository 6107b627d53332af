namespace Crdt.Store.LiteDb;

/// <summary>LiteDB's data file: written at checkpoints only, from a log that is durable by then.</summary>
internal sealed class DataPageStream : PageStream
{
    private readonly PageFile file;
    private readonly PageFile log;
    private readonly LogPageStream logStream;

    public DataPageStream(PageFile file, PageFile log, LogPageStream logStream)
    {
        this.file = file;
        this.log = log;
        this.logStream = logStream;
    }

    public override long Length => file.PageCount * PageFile.PageLengthBytes;

    // LiteDB flushes this one at the end of a checkpoint, before it empties the log.
    public override void Flush()
    {
        logStream.ThrowIfFailed();
        if (file.IsDirty)
            file.Flush();
    }

    public override void SetLength(long value) => file.SetPageCount(PagesIn(value));

    protected override void ReadPage(long index, Span<byte> page) => file.Read(index, page);

    protected override void WritePage(long index, ReadOnlySpan<byte> page)
    {
        logStream.ThrowIfFailed();
        // Pages are overwritten in place: until the last of them is durable, the log must be able to replace them all.
        if (log.IsDirty)
            log.Flush();
        file.Write(index, page);
    }
}
