using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>A 128-bit digest of a state: the sum of the hashes of its siblings. Replicas with equal vectors have equal
/// digests, or something is wrong (semantics 11).</summary>
/// <param name="Value">The sum, modulo 2^128.</param>
public readonly record struct StateDigest(UInt128 Value)
{
    private const int KeyLengthBytesMax = 3 * (1 + FormatLimits.NameLengthBytesMax);

    // Room for the largest value, whose text is reserved at three bytes a letter: taken anew for each change of an entity
    // with large values, it would cost a collection of all memory every few hundred. What is larger is not kept.
    private const int ScratchLengthBytesMax = 1 << 20;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? Scratch;

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);

    /// <summary>The part of one entity.</summary>
    internal static UInt128 Of(EntityState state, ReplicaTable replicas)
    {
        if (state.Slots.IsEmpty) return 0;
        // Kept by the thread: it is asked for after every change, and needs the same few bytes each time.
        ArrayBufferWriter<byte> buffer = Scratch ??= new ArrayBufferWriter<byte>(1_024);
        Span<byte> key = stackalloc byte[KeyLengthBytesMax];
        key = key[..WriteKey(key, state.Key)];
        UInt128 sum = 0;
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            buffer.ResetWrittenCount();
            buffer.Write(key);
            WriteSibling(buffer, slot, replicas);
            sum += XxHash128.HashToUInt128(buffer.WrittenSpan);
        }
        if (buffer.Capacity > ScratchLengthBytesMax) Scratch = null;
        return sum;
    }

    /// <summary>An entity's key as canonical bytes.</summary>
    internal static ReadOnlySpan<byte> KeyBytes(EntityKey key)
    {
        Span<byte> buffer = stackalloc byte[KeyLengthBytesMax];
        return buffer[..WriteKey(buffer, key)].ToArray();
    }

    // The canonical bytes that are hashed: docs/wire-format.md, section WF-5.
    private static int WriteKey(Span<byte> buffer, EntityKey key)
    {
        int at = 0;
        foreach (string part in (ReadOnlySpan<string>)[key.Domain, key.Type, key.Id])
        {
            int length = Encoding.UTF8.GetBytes(part, buffer[(at + 1)..]);
            buffer[at] = (byte)length;
            at += 1 + length;
        }
        return at;
    }

    private static void WriteSibling(ArrayBufferWriter<byte> buffer, in SiblingSlot slot, ReplicaTable replicas)
    {
        ReadOnlySpan<byte> path = slot.Path.Bytes;
        WriteUInt64(buffer, (ulong)path.Length);
        buffer.Write(path);
        WriteDot(buffer, replicas.Resolve(slot.Dot));
        WriteUInt64(buffer, slot.Timestamp.Bits);
        WriteUInt64(buffer, slot.Claim.Bits);
        SiblingExtra? extra = slot.Extra;
        WriteUInt64(buffer, (ulong)(extra?.CounterStart ?? 0));
        WriteDots(buffer, extra?.Replaced ?? [], replicas);
        WriteValue(buffer, slot.Value);
        if (extra is not null && (extra.StandsFor != default || extra.Marks is not null))
            WriteAnnotations(buffer, extra, replicas);
    }

    private static void WriteAnnotations(ArrayBufferWriter<byte> buffer, SiblingExtra extra, ReplicaTable replicas)
    {
        WriteDots(buffer, extra.StandsFor == default ? [] : [extra.StandsFor], replicas);
        WriteUInt64(buffer, extra.Marks is { IsLost: true } ? 1UL : 0);
        RefusalCode[] codes = extra.Marks?.Codes ?? [];
        WriteUInt64(buffer, (ulong)codes.Length);
        foreach (RefusalCode code in codes) WriteUInt64(buffer, (ulong)code);
        RestoredSibling[] restored = extra.Marks?.Restored ?? [];
        WriteUInt64(buffer, (ulong)restored.Length);
        foreach (RestoredSibling sibling in restored)
        {
            WriteDot(buffer, replicas.Resolve(sibling.Dot));
            WriteUInt64(buffer, (ulong)sibling.Dot.Role);
            WriteUInt64(buffer, sibling.Timestamp.Bits);
            WriteUInt64(buffer, sibling.Claim.Bits);
            WriteUInt64(buffer, sibling.IsLost ? 1UL : 0);
            WriteDots(buffer, sibling.Replaced, replicas);
            WriteValue(buffer, sibling.Value);
        }
    }

    private static void WriteValue(ArrayBufferWriter<byte> buffer, Value value)
    {
        var writer = new MessagePackWriter(buffer);
        ValueCodec.Write(ref writer, value, null);
        writer.Flush();
    }

    private static void WriteDots(ArrayBufferWriter<byte> buffer, LocalDot[] dots, ReplicaTable replicas)
    {
        WriteUInt64(buffer, (ulong)dots.Length);
        foreach (LocalDot dot in dots) WriteDot(buffer, replicas.Resolve(dot));
    }

    private static void WriteDot(ArrayBufferWriter<byte> buffer, Dot dot)
    {
        dot.Replica.WriteBytes(buffer.GetSpan(ReplicaId.LengthBytes));
        buffer.Advance(ReplicaId.LengthBytes);
        WriteUInt64(buffer, (ulong)dot.Sequence);
    }

    private static void WriteUInt64(ArrayBufferWriter<byte> buffer, ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(buffer.GetSpan(8), value);
        buffer.Advance(8);
    }
}
