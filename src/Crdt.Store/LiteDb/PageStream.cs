namespace Crdt.Store.LiteDb;

/// <summary>What LiteDB's two streams have in common: whole pages at whole positions.</summary>
internal abstract class PageStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => true;

    public override long Position { get; set; }

    /// <summary>LiteDB asks for a flush behind every page; the streams know better when one is due.</summary>
    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (Position >= Length)
            return 0;
        ReadPage(PageIndex(count), buffer.AsSpan(offset, count));
        Position += count;
        return count;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        WritePage(PageIndex(count), buffer.AsSpan(offset, count));
        Position += count;
    }

    protected abstract void ReadPage(long index, Span<byte> page);

    protected abstract void WritePage(long index, ReadOnlySpan<byte> page);

    protected static long PagesIn(long length) => length % PageFile.PageLengthBytes == 0
        ? length / PageFile.PageLengthBytes
        : throw new NotSupportedException($"Length {length} is not of whole pages.");

    private long PageIndex(int count) => count == PageFile.PageLengthBytes && Position % PageFile.PageLengthBytes == 0
        ? Position / PageFile.PageLengthBytes
        : throw new NotSupportedException($"{count} bytes at {Position} are not one whole page.");
}
