using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Crdt;

/// <summary>What exactly is signed (WF-7.2): a tag that no other use has, the space, then fixed-length parts, or parts
/// behind their length. So no signature stands for anything else, or for another space.</summary>
internal static class SignedBytes
{
    private static ReadOnlySpan<byte> HeadTag => "crdt/1 head\0"u8;

    private static ReadOnlySpan<byte> FenceTag => "crdt/1 fence\0"u8;

    private static ReadOnlySpan<byte> EnrolmentTag => "crdt/1 enrolment\0"u8;

    private static ReadOnlySpan<byte> StatementTag => "crdt/1 statement\0"u8;

    private static ReadOnlySpan<byte> CustodyTag => "crdt/1 custody\0"u8;

    private static ReadOnlySpan<byte> SnapshotTag => "crdt/1 snapshot\0"u8;

    /// <summary>A snapshot: tag ‖ space ‖ replica id of its maker ‖ SHA-256 of the manifest before the signature.</summary>
    public static byte[] OfSnapshot(SpaceId space, ReplicaId maker, ReadOnlySpan<byte> manifest)
    {
        ArrayBufferWriter<byte> buffer = Begin(SnapshotTag, space, maker);
        buffer.Write(SHA256.HashData(manifest));
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A head: tag ‖ space ‖ replica id ‖ sequence u64 ‖ H.</summary>
    public static byte[] OfHead(SpaceId space, ReplicaId author, long sequence, ReadOnlySpan<byte> hash)
    {
        ArrayBufferWriter<byte> buffer = Begin(HeadTag, space, author);
        WriteUInt64(buffer, (ulong)sequence);
        buffer.Write(hash);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A fence: tag ‖ space ‖ id of the replica that says so ‖ sequence u64 of its mutation ‖ id of the fenced
    /// replica ‖ sequence u64 ‖ H ‖ u8: 1 when its key is revoked, else 0. Whatever else the reason is has no effect.</summary>
    public static byte[] OfFence(
        SpaceId space, Dot by, ReplicaId replica, long sequence, ReadOnlySpan<byte> hash, bool isRevoked)
    {
        ArrayBufferWriter<byte> buffer = Begin(FenceTag, space, by.Replica);
        WriteUInt64(buffer, (ulong)by.Sequence);
        WriteReplica(buffer, replica);
        WriteUInt64(buffer, (ulong)sequence);
        buffer.Write(hash);
        buffer.Write([isRevoked ? (byte)1 : (byte)0]);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A certificate: tag ‖ space ‖ replica id ‖ role u8 ‖ length u8 and UTF-8 of the owner's name (none: 0) ‖
    /// public key.</summary>
    public static byte[] OfEnrolment(
        SpaceId space, ReplicaId replica, ReplicaRole role, string? owner, ReadOnlySpan<byte> publicKey)
    {
        ArrayBufferWriter<byte> buffer = Begin(EnrolmentTag, space, replica);
        byte[] name = Encoding.UTF8.GetBytes(owner ?? "");
        buffer.Write([(byte)role, (byte)name.Length]);
        buffer.Write(name);
        buffer.Write(publicKey);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>An acknowledgement of what arrived: tag ‖ space ‖ replica id ‖ Unix milliseconds u64 ‖ for each replica of the
    /// whole vector, in order, its id, sequence u64 and the first 16 bytes of its chain's hash there.</summary>
    public static byte[] OfCustody(SpaceId space, ReplicaId by, DateTimeOffset time, Holding holding)
    {
        ArrayBufferWriter<byte> buffer = Begin(CustodyTag, space, by);
        WriteUInt64(buffer, (ulong)Math.Max(0, time.ToUnixTimeMilliseconds()));
        foreach (Dot dot in holding.Held)
        {
            WriteReplica(buffer, dot.Replica);
            WriteUInt64(buffer, (ulong)dot.Sequence);
            BinaryPrimitives.WriteUInt128BigEndian(buffer.GetSpan(ChainTags.LengthBytes), holding.Tags[dot.Replica] ?? 0);
            buffer.Advance(ChainTags.LengthBytes);
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>What somebody had seen: tag ‖ space ‖ replica id ‖ Unix milliseconds u64 ‖ for each replica of the whole
    /// vector, in order, its id and sequence u64.</summary>
    public static byte[] OfStatement(SpaceId space, ReplicaId by, DateTimeOffset time, VersionVector held)
    {
        ArrayBufferWriter<byte> buffer = Begin(StatementTag, space, by);
        WriteUInt64(buffer, (ulong)Math.Max(0, time.ToUnixTimeMilliseconds()));
        foreach (Dot dot in held)
        {
            WriteReplica(buffer, dot.Replica);
            WriteUInt64(buffer, (ulong)dot.Sequence);
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static ArrayBufferWriter<byte> Begin(ReadOnlySpan<byte> tag, SpaceId space, ReplicaId replica)
    {
        var buffer = new ArrayBufferWriter<byte>(192);
        buffer.Write(tag);
        space.WriteBytes(buffer.GetSpan(SpaceId.LengthBytes));
        buffer.Advance(SpaceId.LengthBytes);
        WriteReplica(buffer, replica);
        return buffer;
    }

    private static void WriteReplica(ArrayBufferWriter<byte> buffer, ReplicaId replica)
    {
        replica.WriteBytes(buffer.GetSpan(ReplicaId.LengthBytes));
        buffer.Advance(ReplicaId.LengthBytes);
    }

    private static void WriteUInt64(ArrayBufferWriter<byte> buffer, ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(buffer.GetSpan(sizeof(ulong)), value);
        buffer.Advance(sizeof(ulong));
    }
}
