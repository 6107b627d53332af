using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>An entity's siblings as bytes for the replica's own store: authors by the replica's own index, so these
/// bytes mean nothing elsewhere. The checkpoint holds the table.</summary>
internal static class EntityStateCodec
{
    private const int FormatVersion = 1;

    public static byte[] Encode(EntityState state, UInt128 digest)
    {
        var buffer = new ArrayBufferWriter<byte>(64 + (state.Slots.Length * 32));
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
            writer.Write(slot.Dot.Bits);
            writer.Write(slot.Timestamp.Bits);
            WriteExtra(ref writer, slot.Extra);
            ValueCodec.Write(ref writer, slot.Value, null);
        }
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads back what <see cref="Encode"/> wrote.</summary>
    /// <exception cref="BatchFormatException">The bytes are something else: the store is damaged.</exception>
    public static EntityState Decode(EntityKey key, ReadOnlyMemory<byte> bytes, out UInt128 digest)
    {
        var reader = new CanonicalReader(bytes);
        if (reader.ReadInt32(int.MaxValue, "The version") != FormatVersion)
            throw reader.Fail(BatchError.UnknownFormat, $"The state of {key} has a format that is not known here");
        digest = new UInt128(reader.ReadUInt64(), reader.ReadUInt64());
        int count = reader.ReadCount("The number of siblings");
        EntityState state = new EntityState(key).ToWorking(count);
        FieldPath path = FieldPath.Root;
        for (int i = 0; i < count; i++)
        {
            if (reader.NextType == MessagePackType.Nil) reader.ReadNil();
            else if (reader.NextType == MessagePackType.String) path = FieldPath.FromFieldTrusted(reader.ReadName("A field"));
            else path = FieldPath.FromTrusted(reader.ReadBytes(int.MaxValue, "A path"));
            var dot = new LocalDot(reader.ReadUInt64());
            var timestamp = new HybridTimestamp(reader.ReadUInt64());
            SiblingExtra? extra = ReadExtra(ref reader);
            state.Append(new SiblingSlot(path, dot, timestamp, ValueCodec.Read(ref reader, null, "A value"), extra));
        }
        state.Trim();
        return state;
    }

    private static void WriteExtra(ref MessagePackWriter writer, SiblingExtra? extra)
    {
        if (extra is null)
        {
            writer.WriteNil();
            return;
        }
        writer.WriteArrayHeader(2 + extra.Heads.Length);
        writer.Write(extra.Claim.Bits);
        writer.Write(extra.CounterStart);
        foreach (LocalDot head in extra.Heads) writer.Write(head.Bits);
    }

    private static SiblingExtra? ReadExtra(ref CanonicalReader reader)
    {
        if (reader.NextType == MessagePackType.Nil)
        {
            reader.ReadNil();
            return null;
        }
        int count = reader.ReadArrayHeader("The extras");
        var claim = new HybridTimestamp(reader.ReadUInt64());
        long start = reader.ReadInt64();
        LocalDot[] heads = new LocalDot[count - 2];
        for (int i = 0; i < heads.Length; i++) heads[i] = new LocalDot(reader.ReadUInt64());
        return new SiblingExtra(claim, start, heads);
    }
}
