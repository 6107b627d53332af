using System.Buffers.Binary;
using System.IO.Hashing;
using Crdt.Store.Disk;

namespace Crdt.Store.LiteDb;

/// <summary>A file of LiteDB pages, each with a checksum behind it: LiteDB itself returns flipped bits as
/// content.</summary>
/// <remarks>On disk a page takes 8,192 bytes and a trailer of 16, little-endian: XxHash3 of the page, seeded with its
/// index
/// and the file's kind, 8 · magic 4 · zero 4. The seed means that an intact page in the wrong place is not taken for
/// another.</remarks>
internal sealed class PageFile : IDisposable
{
    public const int PageLengthBytes = 8192;

    private const int TrailerLengthBytes = 16;
    private const int StoredLengthBytes = PageLengthBytes + TrailerLengthBytes;

    // How many pages are read at once when a whole file is verified.
    private const int VerifiedPagesAtOnce = 128;

    private static readonly uint Magic = BinaryPrimitives.ReadUInt32LittleEndian("LPg1"u8);

    private readonly IDiskFile file;
    private readonly string name;
    private readonly long kind;
    private byte[] scratch = new byte[StoredLengthBytes];

    public PageFile(IDisk disk, string path, int kind)
    {
        file = disk.Open(path, DiskOpenMode.OpenOrCreate);
        name = Path.GetFileName(path);
        this.kind = kind;
        PageCount = file.Length / StoredLengthBytes;
    }

    /// <summary>Whole pages that are there, intact or not.</summary>
    public long PageCount { get; private set; }

    /// <summary>True if something was written since the last flush.</summary>
    public bool IsDirty { get; private set; }

    /// <summary>Number of pages, from the first, before one that is damaged.</summary>
    public long CountIntact()
    {
        byte[] buffer = new byte[VerifiedPagesAtOnce * StoredLengthBytes];
        for (long index = 0; index < PageCount; index += VerifiedPagesAtOnce)
        {
            int length = file.Read(buffer, index * StoredLengthBytes);
            for (int i = 0; i < VerifiedPagesAtOnce && index + i < PageCount; i++)
            {
                int start = i * StoredLengthBytes;
                if (start + StoredLengthBytes > length || !IsIntact(buffer.AsSpan(start, StoredLengthBytes), index + i))
                    return index + i;
            }
        }
        return PageCount;
    }

    public bool TryRead(long index, Span<byte> page)
    {
        lock (file)
        {
            if (file.Read(scratch.AsSpan(0, StoredLengthBytes), index * StoredLengthBytes) < StoredLengthBytes
                || !IsIntact(scratch.AsSpan(0, StoredLengthBytes), index))
            {
                return false;
            }
            scratch.AsSpan(0, PageLengthBytes).CopyTo(page);
            return true;
        }
    }

    /// <exception cref="StoreException"><see cref="StoreError.ProjectionDamaged"/>.</exception>
    public void Read(long index, Span<byte> page)
    {
        if (!TryRead(index, page))
            throw new StoreException(StoreError.ProjectionDamaged, $"Page {index} of '{name}' is missing or damaged.");
    }

    /// <summary>Writes pages that follow each other, in one piece.</summary>
    public void Write(long index, ReadOnlySpan<byte> pages)
    {
        lock (file)
        {
            int count = pages.Length / PageLengthBytes;
            if (scratch.Length < count * StoredLengthBytes)
                scratch = new byte[count * StoredLengthBytes];
            for (int i = 0; i < count; i++)
            {
                Span<byte> stored = scratch.AsSpan(i * StoredLengthBytes, StoredLengthBytes);
                pages.Slice(i * PageLengthBytes, PageLengthBytes).CopyTo(stored);
                Span<byte> trailer = stored[PageLengthBytes..];
                BinaryPrimitives.WriteUInt64LittleEndian(trailer, Hash(stored[..PageLengthBytes], index + i));
                BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], Magic);
                BinaryPrimitives.WriteUInt32LittleEndian(trailer[12..], 0);
            }
            IsDirty = true;
            file.Write(scratch.AsSpan(0, count * StoredLengthBytes), index * StoredLengthBytes);
            PageCount = Math.Max(PageCount, index + count);
        }
    }

    public void SetPageCount(long count)
    {
        lock (file)
        {
            IsDirty = true;
            file.SetLength(count * StoredLengthBytes);
            PageCount = count;
        }
    }

    public void Flush()
    {
        file.Flush();
        IsDirty = false;
    }

    public void Dispose() => file.Dispose();

    private bool IsIntact(ReadOnlySpan<byte> stored, long index)
    {
        ReadOnlySpan<byte> trailer = stored[PageLengthBytes..];
        return BinaryPrimitives.ReadUInt32LittleEndian(trailer[8..]) == Magic
            && BinaryPrimitives.ReadUInt64LittleEndian(trailer) == Hash(stored[..PageLengthBytes], index);
    }

    private ulong Hash(ReadOnlySpan<byte> page, long index) => XxHash3.HashToUInt64(page, (index << 1) | kind);
}
