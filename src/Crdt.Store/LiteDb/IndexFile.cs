using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.LiteDb;

/// <summary>Which indexes were asked for, in a small file beside the projection: it outlives that.</summary>
/// <remarks>Version (1 byte), XxHash64 of the rest (8); then, sealed where the replica is encrypted, texts, each behind its length
/// (4, big endian): domain, type and field of each index. A file that cannot be read counts as none: indexes make queries fast,
/// and no answer depends on them.</remarks>
internal sealed class IndexFile(IDisk disk, string path, AtRestCipher? cipher)
{
    private const byte FormatVersion = 1;
    private const int HeaderLengthBytes = 9;
    private const int LengthBytesMax = 16 << 20;

    public List<EntityIndex> Read()
    {
        var indexes = new List<EntityIndex>();
        if (!disk.Exists(path)) return indexes;
        byte[] bytes;
        using (IDiskFile file = disk.Open(path, DiskOpenMode.Read))
        {
            if (file.Length is < HeaderLengthBytes or > LengthBytesMax) return indexes;
            bytes = new byte[file.Length];
            if (file.Read(bytes, 0) < bytes.Length) return indexes;
        }
        Span<byte> content = bytes.AsSpan(HeaderLengthBytes);
        if (bytes[0] != FormatVersion || BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(1)) != XxHash64.HashToUInt64(content))
            return indexes;
        if (cipher is not null)
        {
            if (content.Length < AtRestCipher.EnvelopeLengthBytes) return indexes;
            Span<byte> envelope = content[^AtRestCipher.EnvelopeLengthBytes..];
            content = content[..^AtRestCipher.EnvelopeLengthBytes];
            if (!cipher.TryOpen(content, envelope, "indexes"u8)) return indexes;
        }
        var texts = new List<string>();
        while (content.Length >= sizeof(int))
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(content);
            if (length < 0 || length > content.Length - sizeof(int)) break;
            texts.Add(Encoding.UTF8.GetString(content.Slice(sizeof(int), length)));
            content = content[(sizeof(int) + length)..];
        }
        for (int i = 0; i + 2 < texts.Count; i += 3) indexes.Add(new EntityIndex(texts[i], texts[i + 1], FieldPath.Parse(texts[i + 2])));
        return indexes;
    }

    /// <summary>Replaces the file, durably.</summary>
    public void Write(IEnumerable<EntityIndex> indexes)
    {
        var content = new ArrayBufferWriter<byte>();
        foreach (EntityIndex index in indexes)
        {
            foreach (string text in (string[])[index.Domain, index.Type, index.Field.ToString()])
            {
                byte[] utf8 = Encoding.UTF8.GetBytes(text);
                BinaryPrimitives.WriteInt32BigEndian(content.GetSpan(sizeof(int)), utf8.Length);
                content.Advance(sizeof(int));
                content.Write(utf8);
            }
        }
        byte[] bytes = new byte[HeaderLengthBytes + content.WrittenCount + (cipher is null ? 0 : AtRestCipher.EnvelopeLengthBytes)];
        content.WrittenSpan.CopyTo(bytes.AsSpan(HeaderLengthBytes));
        cipher?.Seal(bytes.AsSpan(HeaderLengthBytes, content.WrittenCount), bytes.AsSpan(HeaderLengthBytes + content.WrittenCount), "indexes"u8);
        bytes[0] = FormatVersion;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(1), XxHash64.HashToUInt64(bytes.AsSpan(HeaderLengthBytes)));
        using (IDiskFile draft = disk.Open(path + ".tmp", DiskOpenMode.Create))
        {
            draft.Write(bytes, 0);
            draft.Flush();
        }
        disk.Rename(path + ".tmp", path);
        disk.SyncDirectory(Path.GetDirectoryName(path)!);
    }
}
