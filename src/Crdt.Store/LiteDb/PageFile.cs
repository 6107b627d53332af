using System.Buffers.Binary;
using System.IO.Hashing;
using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.LiteDb;

/// <summary>A file of LiteDB pages, each with a checksum behind it: LiteDB itself returns flipped bits as
/// content.</summary>
/// <remarks>On disk a page takes 8,192 bytes and a trailer of 16, little-endian: XxHash3 of the page, seeded with its
/// index
/// the file's kind and the format version, 8 · magic 4 · format version 2 · flags 2 (1: encrypted). The seed means that an
/// intact page in the wrong place is not taken for another. Encrypted: nonce and tag, 40, between the page, which is sealed
/// with its index and the file's kind, and the trailer.</remarks>
internal sealed class PageFile : IDisposable
{
    public const int PageLengthBytes = 8192;

    public const int FormatVersion = 1;

    private const int TrailerLengthBytes = 16;

    private const int AssociatedLengthBytes = 1 + 1 + 8;

    // How many pages are read at once when a whole file is verified.
    private const int VerifiedPagesAtOnce = 128;

    private static readonly uint Magic = BinaryPrimitives.ReadUInt32LittleEndian("LPg1"u8);

    private readonly IDiskFile file;
    private readonly string name;
    private readonly long kind;
    private readonly AtRestCipher? cipher;
    private byte[] scratch;

    /// <exception cref="StoreException"><see cref="StoreError.UnsupportedFormat"/>.</exception>
    public PageFile(IDisk disk, string path, int kind, AtRestCipher? cipher)
    {
        file = disk.Open(path, DiskOpenMode.OpenOrCreate);
        name = Path.GetFileName(path);
        this.kind = kind;
        this.cipher = cipher;
        StoredLengthBytes = PageLengthBytes + TrailerLengthBytes + (cipher is null ? 0 : AtRestCipher.EnvelopeLengthBytes);
        scratch = new byte[StoredLengthBytes];
        PageCount = file.Length / StoredLengthBytes;
        if (ReadVersion() is int version and > FormatVersion)
        {
            file.Dispose();
            throw StoreException.Unsupported($"The projection's file '{name}'", version, FormatVersion);
        }
    }

    /// <summary>What a page takes in the file.</summary>
    public int StoredLengthBytes { get; }

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
            if (cipher is not null && !TryOpen(scratch, index))
                return false;
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
                if (cipher is not null)
                    Seal(stored, index + i);
                Span<byte> trailer = stored[^TrailerLengthBytes..];
                BinaryPrimitives.WriteUInt64LittleEndian(trailer, Hash(stored, index + i, FormatVersion));
                BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], Magic);
                BinaryPrimitives.WriteUInt16LittleEndian(trailer[12..], FormatVersion);
                BinaryPrimitives.WriteUInt16LittleEndian(trailer[14..], cipher is null ? (ushort)0 : (ushort)1);
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
        ReadOnlySpan<byte> trailer = stored[^TrailerLengthBytes..];
        return BinaryPrimitives.ReadUInt32LittleEndian(trailer[8..]) == Magic
            && BinaryPrimitives.ReadUInt16LittleEndian(trailer[12..]) == FormatVersion
            && BinaryPrimitives.ReadUInt64LittleEndian(trailer) == Hash(stored, index, FormatVersion);
    }

    // Magic, version and hash stay where they are behind the first page in every format.
    private int? ReadVersion()
    {
        if (file.Read(scratch, 0) < StoredLengthBytes)
            return null;
        ReadOnlySpan<byte> trailer = scratch.AsSpan(^TrailerLengthBytes..);
        int version = BinaryPrimitives.ReadUInt16LittleEndian(trailer[12..]);
        return BinaryPrimitives.ReadUInt32LittleEndian(trailer[8..]) == Magic
            && BinaryPrimitives.ReadUInt64LittleEndian(trailer) == Hash(scratch, 0, version) ? version : null;
    }

    private void Seal(Span<byte> stored, long index)
    {
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, index);
        cipher!.Seal(
            stored[..PageLengthBytes], stored.Slice(PageLengthBytes, AtRestCipher.EnvelopeLengthBytes), associated);
    }

    private bool TryOpen(Span<byte> stored, long index)
    {
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, index);
        return cipher!.TryOpen(
            stored[..PageLengthBytes], stored.Slice(PageLengthBytes, AtRestCipher.EnvelopeLengthBytes), associated);
    }

    private void WriteAssociated(Span<byte> associated, long index)
    {
        associated[0] = (byte)'p';
        associated[1] = (byte)kind;
        BinaryPrimitives.WriteInt64LittleEndian(associated[2..], index);
    }

    private ulong Hash(ReadOnlySpan<byte> stored, long index, int version) =>
        XxHash3.HashToUInt64(stored[..^TrailerLengthBytes], (index << 1) | kind | ((long)version << 48));
}
