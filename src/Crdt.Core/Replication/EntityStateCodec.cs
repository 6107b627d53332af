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
            var dot = new LocalDot(reader.ReadUInt64());
            var timestamp = new HybridTimestamp(reader.ReadUInt64());
            SiblingExtra? extra = ReadExtra(ref reader);
            state.Append(new SiblingSlot(path, dot, timestamp, ValueCodec.Read(ref reader, null, "A value"), extra));
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

    private static void WriteExtra(ref MessagePackWriter writer, SiblingExtra? extra)
    {
        if (extra is null)
        {
            writer.WriteNil();
            return;
        }
        bool isAnnotated = extra.Marks is not null || extra.StandsFor != default;
        writer.WriteArrayHeader(isAnnotated ? 7 : 3);
        writer.Write(extra.Claim.Bits);
        writer.Write(extra.CounterStart);
        WriteDots(ref writer, extra.Replaced);
        if (!isAnnotated) return;
        writer.Write(extra.StandsFor.Bits);
        writer.Write(extra.Marks is { IsLost: true } ? 1 : 0);
        RefusalCode[] codes = extra.Marks?.Codes ?? [];
        writer.WriteArrayHeader(codes.Length);
        foreach (RefusalCode code in codes) writer.Write((int)code);
        RestoredSibling[] restored = extra.Marks?.Restored ?? [];
        writer.WriteArrayHeader(restored.Length);
        foreach (RestoredSibling sibling in restored)
        {
            writer.Write(sibling.Dot.Bits);
            writer.Write(sibling.Timestamp.Bits);
            writer.Write(sibling.Claim.Bits);
            writer.Write(sibling.IsLost ? 1 : 0);
            WriteDots(ref writer, sibling.Replaced);
            ValueCodec.Write(ref writer, sibling.Value, null);
        }
    }

    private static SiblingExtra? ReadExtra(ref CanonicalReader reader)
    {
        if (reader.NextType == MessagePackType.Nil)
        {
            reader.ReadNil();
            return null;
        }
        bool isAnnotated = reader.ReadArrayHeader("The extras") == 7;
        var claim = new HybridTimestamp(reader.ReadUInt64());
        var extra = new SiblingExtra(claim, reader.ReadInt64(), ReadDots(ref reader));
        if (!isAnnotated) return extra;
        var standsFor = new LocalDot(reader.ReadUInt64());
        bool isLost = reader.ReadUInt64() == 1;
        RefusalCode[] codes = new RefusalCode[reader.ReadArrayHeader("The codes")];
        for (int i = 0; i < codes.Length; i++) codes[i] = (RefusalCode)reader.ReadUInt64();
        RestoredSibling[] restored = new RestoredSibling[reader.ReadArrayHeader("What was replaced")];
        for (int i = 0; i < restored.Length; i++)
        {
            restored[i] = new RestoredSibling(
                new LocalDot(reader.ReadUInt64()), new HybridTimestamp(reader.ReadUInt64()),
                new HybridTimestamp(reader.ReadUInt64()), reader.ReadUInt64() == 1, default, ReadDots(ref reader))
                with
            { Value = ValueCodec.Read(ref reader, null, "A value") };
        }
        bool isMarked = isLost || codes.Length > 0 || restored.Length > 0;
        return extra with { StandsFor = standsFor, Marks = isMarked ? new SiblingMarks(isLost, codes, restored) : null };
    }

    private static void WriteDots(ref MessagePackWriter writer, LocalDot[] dots)
    {
        writer.WriteArrayHeader(dots.Length);
        foreach (LocalDot dot in dots) writer.Write(dot.Bits);
    }

    private static LocalDot[] ReadDots(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("Replaced siblings");
        LocalDot[] dots = count == 0 ? [] : new LocalDot[count];
        for (int i = 0; i < count; i++) dots[i] = new LocalDot(reader.ReadUInt64());
        return dots;
    }
}
