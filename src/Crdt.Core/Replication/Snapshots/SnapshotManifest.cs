using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using MessagePack;

namespace Crdt;

/// <summary>What binds the chunks of a snapshot together: whose state it is, at which vector, under which heads, and the
/// hash of each chunk. Layout: docs/wire-format.md, section WF-8.</summary>
internal sealed class SnapshotManifest
{
    public const int FormatVersion = 2;

    private SnapshotManifest(ReadOnlyMemory<byte> bytes) => Bytes = bytes;

    /// <summary>As its maker encoded it.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The space.</summary>
    public required SpaceId Space { get; init; }

    /// <summary>Who made it.</summary>
    public required ReplicaId Maker { get; init; }

    /// <summary>The role in which it was made; never the client's.</summary>
    public required ReplicaRole Role { get; init; }

    /// <summary>Under which id the space was founded.</summary>
    public required ReplicaId Authority { get; init; }

    /// <summary>The founding: its chain head is the space's id, so a newcomer can verify it by that alone.</summary>
    public required ReadOnlyMemory<byte> Founding { get; init; }

    /// <summary>Digest of the state.</summary>
    public required UInt128 Digest { get; init; }

    /// <summary>Every author's log up to the moment, in order of ids.</summary>
    public required IReadOnlyList<SnapshotHead> Heads { get; init; }

    /// <summary>The chunks, in order.</summary>
    public required IReadOnlyList<SnapshotChunk> Chunks { get; init; }

    /// <summary>Who is enrolled, in a keyed space, in order of ids; else nobody.</summary>
    public required IReadOnlyList<KeyValuePair<ReplicaId, Member>> Members { get; init; }

    /// <summary>The maker's signature; empty in an open space.</summary>
    public required ReadOnlyMemory<byte> Signature { get; init; }

    /// <summary>Which part of <see cref="Bytes"/> the signature stands for.</summary>
    public required int SignedLengthBytes { get; init; }

    /// <summary>The state's vector.</summary>
    public VersionVector Vector => field ??= VersionVector.From(Heads.Select(static h => new Dot(h.Author, h.Sequence)));

    /// <summary>A number that tells snapshots apart where a hash would be long; positive.</summary>
    public long Number => NumberOf(Bytes.Span);

    /// <summary>Bytes of all chunks as stored.</summary>
    public long LengthBytes => Chunks.Sum(static c => (long)c.LengthBytes);

    /// <summary>What is signed: everything before the signature.</summary>
    public ReadOnlyMemory<byte> SignedBytes => Bytes[..SignedLengthBytes];

    /// <summary>Encodes a manifest.</summary>
    /// <param name="identity">Whose it is.</param>
    /// <param name="authority">Who founded the space.</param>
    /// <param name="founding">The genesis batch.</param>
    /// <param name="digest">Digest of the state.</param>
    /// <param name="heads">In order of ids.</param>
    /// <param name="chunks">In order.</param>
    /// <param name="members">Who is enrolled.</param>
    /// <param name="sign">Makes the signature over the bytes before it; gives none in an open space.</param>
    public static byte[] Encode(
        ReplicaIdentity identity, ReplicaId authority, ReadOnlyMemory<byte> founding, UInt128 digest,
        IReadOnlyList<SnapshotHead> heads, IReadOnlyList<SnapshotChunk> chunks,
        IReadOnlyCollection<KeyValuePair<ReplicaId, Member>> members, Func<ReadOnlyMemory<byte>, byte[]> sign)
    {
        var buffer = new ArrayBufferWriter<byte>(1_024);
        var writer = new MessagePackWriter(buffer);
        writer.Write(FormatVersion);
        writer.WriteBinHeader(SpaceId.LengthBytes);
        identity.Space.WriteBytes(writer.GetSpan(SpaceId.LengthBytes));
        writer.Advance(SpaceId.LengthBytes);
        AcknowledgementCodec.WriteReplica(ref writer, identity.Replica);
        writer.Write((int)identity.Role);
        AcknowledgementCodec.WriteReplica(ref writer, authority);
        writer.Write(founding.Span);
        writer.WriteBinHeader(16);
        BinaryPrimitives.WriteUInt128BigEndian(writer.GetSpan(16), digest);
        writer.Advance(16);
        writer.WriteArrayHeader(4 * heads.Count);
        foreach (SnapshotHead head in heads)
        {
            AcknowledgementCodec.WriteReplica(ref writer, head.Author);
            writer.Write(head.Sequence);
            writer.Write(head.Head.Span);
            writer.Write(head.Points.Span);
        }
        writer.WriteArrayHeader(2 * chunks.Count);
        foreach (SnapshotChunk chunk in chunks)
        {
            writer.Write(chunk.Hash.Span);
            writer.Write(chunk.LengthBytes);
        }
        TrustCodec.WriteMembers(ref writer, members);
        writer.Flush();
        byte[] signature = sign(buffer.WrittenMemory);
        writer.Write(signature);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a manifest; whether it can be believed is another question.</summary>
    /// <exception cref="BatchFormatException">The bytes are something else.</exception>
    public static SnapshotManifest Decode(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > FormatLimits.SnapshotManifestLengthBytesMax)
        {
            throw new BatchFormatException(BatchError.LimitExceeded,
                $"The manifest takes {bytes.Length} bytes; {FormatLimits.SnapshotManifestLengthBytesMax} are allowed.");
        }
        try
        {
            var reader = new CanonicalReader(bytes);
            SnapshotManifest manifest = Read(ref reader, bytes);
            return reader.Remaining == 0 ? manifest : throw reader.Fail(BatchError.Trailing, "There is more behind the manifest");
        }
        catch (Exception e) when (e is EndOfStreamException or MessagePackSerializationException or OverflowException
            or ArgumentException or InvalidOperationException)
        {
            throw new BatchFormatException(BatchError.Truncated, $"The manifest cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The number of a manifest's bytes.</summary>
    public static long NumberOf(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return Math.Max(1, BinaryPrimitives.ReadInt64BigEndian(hash) & long.MaxValue);
    }

    private static SnapshotManifest Read(ref CanonicalReader reader, ReadOnlyMemory<byte> bytes)
    {
        if (reader.ReadInt32(int.MaxValue, "The version of a snapshot") != FormatVersion)
            throw reader.Fail(BatchError.UnknownFormat, "The snapshot has a format that is not known here");
        SpaceId space = SpaceId.FromBytes(ReadExactly(ref reader, SpaceId.LengthBytes, "A space").Span);
        ReplicaId maker = AcknowledgementCodec.ReadReplica(ref reader);
        var role = (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role");
        ReplicaId authority = AcknowledgementCodec.ReadReplica(ref reader);
        ReadOnlyMemory<byte> founding = reader.ReadMemory(FormatLimits.BatchLengthBytesMax, "The founding");
        UInt128 digest = BinaryPrimitives.ReadUInt128BigEndian(reader.ReadUuid("A digest"));
        List<SnapshotHead> heads = ReadHeads(ref reader);
        List<SnapshotChunk> chunks = ReadChunks(ref reader);
        List<KeyValuePair<ReplicaId, Member>> members = TrustCodec.ReadMembers(ref reader);
        int signed = (int)reader.Offset;
        return new SnapshotManifest(bytes)
        {
            Space = space,
            Maker = maker,
            Role = role,
            Authority = authority,
            Founding = founding,
            Digest = digest,
            Heads = heads,
            Chunks = chunks,
            Members = members,
            SignedLengthBytes = signed,
            Signature = reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A signature"),
        };
    }

    private static List<SnapshotHead> ReadHeads(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("The heads");
        if (count % 4 != 0) throw reader.Fail(BatchError.OutOfRange, "The heads are cut in parts");
        var heads = new List<SnapshotHead>(Math.Min(count / 4, 64));
        for (int i = 0; i < count; i += 4)
        {
            ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
            if (heads.Count > 0 && heads[^1].Author >= author)
                throw reader.Fail(BatchError.NotCanonical, "The heads are not in order");
            long sequence = reader.ReadSequence();
            ReadOnlyMemory<byte> head = reader.ReadMemory(
                AuthorTable.HashLengthBytes + SignatureScheme.SignatureLengthBytesMax, "A head");
            if (head.Length < AuthorTable.HashLengthBytes) throw reader.Fail(BatchError.OutOfRange, "A hash is too short");
            ReadOnlyMemory<byte> points = reader.ReadMemory(ChainPoints.LengthBytesMax, "The points before a head");
            if (!ChainPoints.AreValid(points.Span, sequence)) throw reader.Fail(BatchError.OutOfRange, "The points before a head are not in order");
            heads.Add(new SnapshotHead(author, sequence, head) { Points = points });
        }
        return heads;
    }

    private static List<SnapshotChunk> ReadChunks(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("The chunks");
        if (count % 2 != 0) throw reader.Fail(BatchError.OutOfRange, "The chunks are cut in half");
        var chunks = new List<SnapshotChunk>(Math.Min(count / 2, 64));
        for (int i = 0; i < count; i += 2)
        {
            ReadOnlyMemory<byte> hash = ReadExactly(ref reader, AuthorTable.HashLengthBytes, "A hash");
            int lengthBytes = reader.ReadInt32(FormatLimits.BatchLengthBytesMax, "The length of a chunk");
            if (lengthBytes == 0) throw reader.Fail(BatchError.OutOfRange, "A chunk without bytes");
            chunks.Add(new SnapshotChunk(hash, lengthBytes));
        }
        return chunks;
    }

    private static ReadOnlyMemory<byte> ReadExactly(ref CanonicalReader reader, int lengthBytes, string what)
    {
        ReadOnlyMemory<byte> bytes = reader.ReadMemory(lengthBytes, what);
        return bytes.Length == lengthBytes ? bytes : throw reader.Fail(BatchError.OutOfRange, $"{what} is too short");
    }
}
