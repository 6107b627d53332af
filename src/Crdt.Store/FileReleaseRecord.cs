using System.Buffers.Binary;
using System.IO.Hashing;
using Crdt.Store.Disk;

namespace Crdt.Store;

/// <summary>What has left a replica, in a small file that lies where the replica's own files do not: so a backup that is
/// restored, or a copy that is opened, does not go on under an id that is in use elsewhere.</summary>
/// <remarks>80 bytes, little-endian: magic 8 · format version 2 · zero 6 · replica id 16 · sequence 8 · hash 32 · XxHash3 of all before 8. Replaced as a
/// whole and durably. A file that is damaged counts as none: then the replica takes a new id, which is always safe.</remarks>
public sealed class FileReleaseRecord : IReleaseRecord
{
    private const int HashLengthBytes = 32;
    private const int FormatVersion = 1;
    private const int IdStart = 16;
    private const int LengthBytes = IdStart + ReplicaId.LengthBytes + 8 + HashLengthBytes + 8;

    private readonly string path;
    private readonly IDisk disk;

    /// <summary>Names the file.</summary>
    /// <param name="path">For one replica alone; not in the replica's directory, nor backed up together with it. Its
    /// directory is made if missing.</param>
    public FileReleaseRecord(string path)
        : this(path, RealDisk.Instance)
    {
    }

    internal FileReleaseRecord(string path, IDisk disk)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        (this.path, this.disk) = (Path.GetFullPath(path), disk);
    }

    // "CRDTREL" and a byte that a text-mode copy would change.
    private static ReadOnlySpan<byte> Magic => "CRDTREL\x1a"u8;

    /// <inheritdoc/>
    public ValueTask<ChainHead?> ReadAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            if (!disk.Exists(path))
                return ValueTask.FromResult<ChainHead?>(null);
            byte[] bytes = new byte[LengthBytes];
            using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
            bool isWhole = file.Length == LengthBytes && file.Read(bytes, 0) == LengthBytes
                && bytes.AsSpan(0, 8).SequenceEqual(Magic)
                && XxHash3.HashToUInt64(bytes.AsSpan(..^8)) == BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(^8..));
            int version = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
            if (isWhole && version > FormatVersion)
                throw StoreException.Unsupported($"The release record '{path}'", version, FormatVersion);
            return ValueTask.FromResult<ChainHead?>(isWhole
                ? new ChainHead(
                    ReplicaId.FromBytes(bytes.AsSpan(IdStart, ReplicaId.LengthBytes)),
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(IdStart + ReplicaId.LengthBytes)),
                    bytes.AsMemory(IdStart + 8 + ReplicaId.LengthBytes, HashLengthBytes))
                : null);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw new StoreException(StoreError.ReadFailed, $"The release record '{path}' could not be read: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ChainHead head, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[] bytes = new byte[LengthBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), FormatVersion);
        head.Author.WriteBytes(bytes.AsSpan(IdStart));
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(IdStart + ReplicaId.LengthBytes), head.Sequence);
        head.Hash.Span[..HashLengthBytes].CopyTo(bytes.AsSpan(IdStart + 8 + ReplicaId.LengthBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(^8..), XxHash3.HashToUInt64(bytes.AsSpan(..^8)));
        string directory = Path.GetDirectoryName(path)!;
        try
        {
            disk.CreateDirectory(directory);
            using (IDiskFile draft = disk.Open(path + ".tmp", DiskOpenMode.Create))
            {
                draft.Write(bytes, 0);
                draft.Flush();
            }
            disk.Rename(path + ".tmp", path);
            disk.SyncDirectory(directory);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite($"Writing the release record '{path}'", e);
        }
        return ValueTask.CompletedTask;
    }
}
