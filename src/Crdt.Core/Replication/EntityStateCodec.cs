using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>An entity's siblings as bytes for the replica's own store: authors by the replica's own index, so these
/// bytes mean nothing elsewhere. The checkpoint holds the table.</summary>
internal static class EntityStateCodec
{
    private const int FormatVersion = 1;

    // Room for an entity with a large value, as for the digest; a buffer that once took a larger one is not kept.
    private const int ScratchLengthBytesMax = 1 << 20;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? Scratch;

    public static byte[] Encode(EntityState state, UInt128 digest)
    {
        // Kept by the thread: a projection encodes thousands.
        ArrayBufferWriter<byte> buffer = Scratch ??= new ArrayBufferWriter<byte>(4_096);
        buffer.ResetWrittenCount();
        var writer = new MessagePackWriter(buffer);
        writer.Write(FormatVersion);
        writer.Write((ulong)(digest >> 64));
        writer.Write((ulong)digest);
        writer.Write(state.Slots.Length);
        FieldPath? before = null;
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            // A further sibling at the same path says so by nil.
            if (before is not null && slot.Path.Equals(before)) writer.WriteNil();
            else if (slot.Path.TryGetField(out ReadOnlySpan<byte> field)) writer.WriteString(field);
            else writer.Write(slot.Path.Bytes);
            before = slot.Path;
            SiblingCodec.Write(ref writer, slot);
        }
        writer.Flush();
        byte[] bytes = buffer.WrittenSpan.ToArray();
        if (buffer.Capacity > ScratchLengthBytesMax) Scratch = null;
        return bytes;
    }

    /// <summary>The digest alone, without the siblings; <see langword="null"/> when there are none.</summary>
    /// <exception cref="BatchFormatException">The bytes are something else: the store is damaged.</exception>
    public static UInt128? DigestOf(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        UInt128 digest = ReadStart(ref reader, out int count);
        return count == 0 ? null : digest;
    }

    /// <summary>Reads back what <see cref="Encode"/> wrote.</summary>
    /// <exception cref="BatchFormatException">The bytes are something else: the store is damaged.</exception>
    public static EntityState Decode(EntityKey key, ReadOnlyMemory<byte> bytes, out UInt128 digest)
    {
        var reader = new CanonicalReader(bytes);
        digest = ReadStart(ref reader, out int count);
        EntityState state = new EntityState(key).ToWorking(count);
        FieldPath path = FieldPath.Root;
        for (int i = 0; i < count; i++)
        {
            if (reader.NextType == MessagePackType.Nil) reader.ReadNil();
            else if (reader.NextType == MessagePackType.String) path = FieldPath.FromFieldTrusted(reader.ReadName("A field"));
            else path = FieldPath.FromTrusted(reader.ReadBytes(int.MaxValue, "A path"));
            state.Append(SiblingCodec.Read(ref reader, path));
        }
        state.Trim();
        return state;
    }

    private static UInt128 ReadStart(ref CanonicalReader reader, out int count)
    {
        if (reader.ReadInt32(int.MaxValue, "The version") != FormatVersion)
            throw reader.Fail(BatchError.UnknownFormat, "The state has a format that is not known here");
        var digest = new UInt128(reader.ReadUInt64(), reader.ReadUInt64());
        count = reader.ReadCount("The number of siblings");
        return digest;
    }
}
