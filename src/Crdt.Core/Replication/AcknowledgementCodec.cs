using System.Buffers;
using System.Buffers.Binary;
using MessagePack;

namespace Crdt;

/// <summary>Acknowledgements as MessagePack: who, role, time, then (replica, sequence) or (replica, sequence, tag) in order of
/// replicas, then the signature if the role says so.</summary>
internal static class AcknowledgementCodec
{
    /// <summary>Added to the role when a signature follows.</summary>
    private const int IsSigned = 4;

    /// <summary>Added to the role when the vector is the difference to what both sides held.</summary>
    private const int IsRelative = 8;

    /// <summary>Added to the role when each replica of the vector has the tag of its chain.</summary>
    private const int IsTagged = 16;

    public static void Write(ref MessagePackWriter writer, Acknowledgement statement)
    {
        WriteReplica(ref writer, statement.By);
        bool isSigned = !statement.Signature.IsEmpty;
        bool isTagged = statement.Tags.Count > 0;
        writer.Write((int)statement.Role + (isSigned ? IsSigned : 0) + (statement.IsRelative ? IsRelative : 0) + (isTagged ? IsTagged : 0));
        WriteTime(ref writer, statement.Time);
        WriteHolding(ref writer, statement.Holding);
        if (isSigned) writer.Write(statement.Signature.Span);
    }

    public static Acknowledgement Read(ref CanonicalReader reader, bool mayBeRelative = false, bool mayBeTagged = true)
    {
        ReplicaId by = ReadReplica(ref reader);
        int flags = reader.ReadInt32(byte.MaxValue, "A role");
        int role = flags & ~(IsSigned | (mayBeRelative ? IsRelative : 0) | (mayBeTagged ? IsTagged : 0));
        bool isSigned = (flags & IsSigned) != 0;
        if (role > (int)ReplicaRole.Authority) throw reader.Fail(BatchError.OutOfRange, $"{role} is no role");
        DateTimeOffset time = ReadTime(ref reader);
        Holding holding = ReadHolding(ref reader, (flags & IsTagged) != 0);
        var statement = new Acknowledgement(by, (ReplicaRole)role, time, holding.Held)
        {
            Tags = holding.Tags,
            IsRelative = (flags & IsRelative) != 0,
        };
        if (!isSigned) return statement;
        ReadOnlyMemory<byte> signature = reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A signature");
        // A copy: it is kept longer than the message it came in.
        return signature.IsEmpty
            ? throw reader.Fail(BatchError.OutOfRange, "A signature is empty")
            : statement with { Signature = signature.ToArray() };
    }

    public static byte[] Encode(Acknowledgement statement)
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        var writer = new MessagePackWriter(buffer);
        Write(ref writer, statement);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Unix milliseconds; a clock before 1970 tells 0, so that its device takes part none the less.</summary>
    public static void WriteTime(ref MessagePackWriter writer, DateTimeOffset time) =>
        writer.Write(Math.Max(0, time.ToUnixTimeMilliseconds()));

    public static DateTimeOffset ReadTime(ref CanonicalReader reader) => ToTime(ref reader, reader.ReadUInt64());

    public static DateTimeOffset ToTime(ref CanonicalReader reader, ulong unixMs)
    {
        return unixMs <= (ulong)DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)unixMs)
            : throw reader.Fail(BatchError.OutOfRange, "A time is beyond the year 9999");
    }

    public static void WriteReplica(ref MessagePackWriter writer, ReplicaId replica)
    {
        writer.WriteBinHeader(ReplicaId.LengthBytes);
        replica.WriteBytes(writer.GetSpan(ReplicaId.LengthBytes));
        writer.Advance(ReplicaId.LengthBytes);
    }

    public static ReplicaId ReadReplica(ref CanonicalReader reader) => ToReplica(ref reader, reader.ReadUuid("A replica id"));

    public static ReplicaId ToReplica(ref CanonicalReader reader, ReadOnlySpan<byte> bytes)
    {
        ReplicaId replica = ReplicaId.FromBytes(bytes);
        return replica.IsEmpty ? throw reader.Fail(BatchError.OutOfRange, "A replica id is empty") : replica;
    }

    public static void WriteDot(ref MessagePackWriter writer, Dot dot)
    {
        WriteReplica(ref writer, dot.Replica);
        writer.Write(dot.Sequence);
    }

    public static Dot ReadDot(ref CanonicalReader reader) => new(ReadReplica(ref reader), reader.ReadSequence());

    public static void WriteVector(ref MessagePackWriter writer, VersionVector vector)
    {
        writer.WriteArrayHeader(2 * vector.Count);
        foreach (Dot dot in vector) WriteDot(ref writer, dot);
    }

    public static VersionVector ReadVector(ref CanonicalReader reader) => ReadHolding(ref reader, isTagged: false).Held;

    /// <summary>A vector, with the tag of each replica behind its sequence where there are any.</summary>
    public static void WriteHolding(ref MessagePackWriter writer, Holding holding)
    {
        if (holding.Tags.Count == 0)
        {
            WriteVector(ref writer, holding.Held);
            return;
        }
        writer.WriteArrayHeader(3 * holding.Held.Count);
        foreach (Dot dot in holding.Held)
        {
            WriteDot(ref writer, dot);
            writer.WriteBinHeader(ChainTags.LengthBytes);
            BinaryPrimitives.WriteUInt128BigEndian(writer.GetSpan(ChainTags.LengthBytes), holding.Tags[dot.Replica] ?? 0);
            writer.Advance(ChainTags.LengthBytes);
        }
    }

    private static Holding ReadHolding(ref CanonicalReader reader, bool isTagged)
    {
        int count = reader.ReadArrayHeader("A vector"), width = isTagged ? 3 : 2;
        if (count % width != 0) throw reader.Fail(BatchError.OutOfRange, "A vector is cut in half");
        if (isTagged && count == 0) throw reader.Fail(BatchError.NotCanonical, "An empty vector has no tags");
        var dots = new List<Dot>(Math.Min(count / width, 64));
        var tags = new List<(ReplicaId, UInt128)>();
        for (int i = 0; i < count; i += width)
        {
            ReplicaId replica = ReadReplica(ref reader);
            long sequence = reader.ReadSequence();
            if (dots.Count > 0 && dots[^1].Replica >= replica)
                throw reader.Fail(BatchError.NotCanonical, "A vector is not in order");
            dots.Add(new Dot(replica, sequence));
            if (isTagged) tags.Add((replica, ChainTags.TagOf(reader.ReadUuid("A tag"))));
        }
        return new Holding(VersionVector.From(dots), isTagged ? ChainTags.Of(tags) : ChainTags.None);
    }
}
