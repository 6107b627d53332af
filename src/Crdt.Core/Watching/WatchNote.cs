using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>What a replica noticed, about another one above all, and keeps in its own log, never forwarded.</summary>
internal abstract record WatchNote
{
    private const int Diverged = 1, Agreed = 2, Skewed = 3, Stood = 4, Told = 5;

    // Behind those of what a server put off.
    private const int StoodWhole = 8, Whole = 9, Doubted = 10, Cleared = 11, Evicted = 12, Recalled = 13, Policy = 14;

    /// <summary>Whether a note of the log is one of these: statements begin with a binary.</summary>
    public static bool IsOne(ReadOnlyMemory<byte> note) =>
        note.Span is [Diverged or Agreed or Skewed or Stood or Told or StoodWhole or Whole or Doubted or Cleared or Evicted or Recalled or Policy, ..];

    public static WatchNote Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        return Read(ref reader);
    }

    public static WatchNote Read(ref CanonicalReader reader)
    {
        switch (reader.ReadInt32(Policy, "The kind of a note"))
        {
            case Diverged:
                return new DivergenceNote(ReadDivergence(ref reader));
            case Agreed:
                return new AgreementNote(AcknowledgementCodec.ReadReplica(ref reader));
            case Stood:
                return new StandingNote(AcknowledgementCodec.Read(ref reader));
            case StoodWhole:
                return new StandingNote(AcknowledgementCodec.Read(ref reader) with { IsWhole = true });
            case Whole:
                return new WholeNote(AcknowledgementCodec.Read(ref reader) with { IsWhole = true });
            case Doubted:
                return new DoubtNote(AcknowledgementCodec.ReadReplica(ref reader), true);
            case Cleared:
                return new DoubtNote(AcknowledgementCodec.ReadReplica(ref reader), false);
            case Evicted:
                return new EvictionNote(ReadHash(ref reader), true);
            case Recalled:
                return new EvictionNote(ReadHash(ref reader), false);
            case Policy:
                return new BlobPolicyNote(ReadPolicy(ref reader));
            case Told:
                ReplicaId peer = AcknowledgementCodec.ReadReplica(ref reader);
                (ReplicaId, ulong)[] known = new (ReplicaId, ulong)[reader.ReadCount("The number of statements")];
                for (int i = 0; i < known.Length; i++)
                    known[i] = (AcknowledgementCodec.ReadReplica(ref reader), reader.ReadUInt64());
                return new ToldNote(peer, known);
            default:
                ReplicaId replica = AcknowledgementCodec.ReadReplica(ref reader);
                var role = (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role");
                long offsetMs = reader.ReadInt64(), uncertaintyMs = reader.ReadInt64();
                return new SkewNote(new ClockSkew(replica, role, offsetMs,
                    uncertaintyMs < 0 ? null : uncertaintyMs, AcknowledgementCodec.ReadTime(ref reader)));
        }
    }

    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        var writer = new MessagePackWriter(buffer);
        Write(ref writer);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public void Write(ref MessagePackWriter writer)
    {
        switch (this)
        {
            case DivergenceNote { Divergence: var divergence }:
                writer.Write(Diverged);
                AcknowledgementCodec.WriteReplica(ref writer, divergence.Peer);
                AcknowledgementCodec.WriteTime(ref writer, divergence.Time);
                writer.Write(divergence.IsCutOff);
                if (divergence.Keys is null) writer.WriteNil();
                else
                {
                    writer.WriteArrayHeader(divergence.Keys.Count);
                    foreach (EntityKey key in divergence.Keys) writer.Write(key.ToString());
                }
                break;
            case AgreementNote { Peer: var equal }:
                writer.Write(Agreed);
                AcknowledgementCodec.WriteReplica(ref writer, equal);
                break;
            case StandingNote { Statement: var statement }:
                writer.Write(statement.IsWhole ? StoodWhole : Stood);
                AcknowledgementCodec.Write(ref writer, statement);
                break;
            case WholeNote { Statement: var whole }:
                writer.Write(Whole);
                AcknowledgementCodec.Write(ref writer, whole);
                break;
            case DoubtNote { Author: var author, IsOpen: var isOpen }:
                writer.Write(isOpen ? Doubted : Cleared);
                AcknowledgementCodec.WriteReplica(ref writer, author);
                break;
            case EvictionNote { Root: var root, IsEvicted: var isEvicted }:
                writer.Write(isEvicted ? Evicted : Recalled);
                BlobMessages.Write(ref writer, root);
                break;
            case BlobPolicyNote { Policy: var policy }:
                writer.Write(Policy);
                writer.Write((int)policy.Fetch);
                writer.Write(policy.BytesPerConnectionMax);
                writer.Write(policy.QuotaBytes);
                writer.WriteArrayHeader(policy.ByMediaType.Count);
                foreach ((string type, BlobFetch fetch) in policy.ByMediaType.OrderBy(t => t.Key, StringComparer.Ordinal))
                {
                    writer.Write(type);
                    writer.Write((int)fetch);
                }
                break;
            case ToldNote { Peer: var peer, Known: var known }:
                writer.Write(Told);
                AcknowledgementCodec.WriteReplica(ref writer, peer);
                writer.Write(known.Count);
                foreach ((ReplicaId maker, ulong hash) in known)
                {
                    AcknowledgementCodec.WriteReplica(ref writer, maker);
                    writer.Write(hash);
                }
                break;
            case SkewNote { Skew: var skew }:
                writer.Write(Skewed);
                AcknowledgementCodec.WriteReplica(ref writer, skew.Replica);
                writer.Write((int)skew.Role);
                writer.Write(skew.OffsetMs);
                writer.Write(skew.UncertaintyMs ?? -1);
                AcknowledgementCodec.WriteTime(ref writer, skew.MeasuredAt);
                break;
        }
    }

    private static BlobHash ReadHash(ref CanonicalReader reader)
    {
        ReadOnlySpan<byte> bytes = reader.ReadBytes(BlobHash.LengthBytes, "A blob's root");
        return bytes.Length == BlobHash.LengthBytes ? BlobHash.FromBytes(bytes) : throw reader.Fail(BatchError.OutOfRange, "A blob's root has 32 bytes");
    }

    private static BlobPolicy ReadPolicy(ref CanonicalReader reader)
    {
        BlobFetch fetch = ReadFetch(ref reader);
        long perConnection = reader.ReadInt64(), quota = reader.ReadInt64();
        var byType = new Dictionary<string, BlobFetch>();
        for (int i = reader.ReadArrayHeader("The media types of a policy"); i > 0; i--)
        {
            string type = System.Text.Encoding.UTF8.GetString(reader.ReadUtf8(Blob.MediaTypeLengthMax, "A media type"));
            byType[type] = ReadFetch(ref reader);
        }
        return new BlobPolicy { Fetch = fetch, ByMediaType = byType, BytesPerConnectionMax = perConnection, QuotaBytes = quota };
    }

    private static BlobFetch ReadFetch(ref CanonicalReader reader) =>
        (BlobFetch)reader.ReadInt32((int)BlobFetch.ThumbnailFirst, "When attachments are taken");

    private static Divergence ReadDivergence(ref CanonicalReader reader)
    {
        ReplicaId peer = AcknowledgementCodec.ReadReplica(ref reader);
        DateTimeOffset time = AcknowledgementCodec.ReadTime(ref reader);
        bool isCutOff = reader.ReadBoolean();
        if (reader.NextType == MessagePackType.Nil)
        {
            reader.ReadNil();
            return new Divergence(peer, time, null, isCutOff);
        }
        var keys = new List<EntityKey>();
        for (int i = reader.ReadArrayHeader("The entities that differ"); i > 0; i--)
        {
            ReadOnlySpan<byte> key = reader.ReadUtf8(KeyLengthBytesMax, "An entity");
            keys.Add(EntityKey.Parse(System.Text.Encoding.UTF8.GetString(key)));
        }
        return new Divergence(peer, time, keys, isCutOff);
    }

    private const int KeyLengthBytesMax = (3 * FormatLimits.NameLengthBytesMax) + 2;
}

/// <summary>Equal vectors, different states.</summary>
internal sealed record DivergenceNote(Divergence Divergence) : WatchNote;

/// <summary>Equal vectors, equal states, where they had differed before.</summary>
internal sealed record AgreementNote(ReplicaId Peer) : WatchNote;

/// <summary>Whether an author's id was found to be in use twice, so that nobody's word about its sequences tells of which log
/// it is; or was found not to be.</summary>
internal sealed record DoubtNote(ReplicaId Author, bool IsOpen) : WatchNote;

/// <summary>Whether the content of a blob was dropped to make room, and is to come when somebody asks for it; or that somebody
/// has.</summary>
internal sealed record EvictionNote(BlobHash Root, bool IsEvicted) : WatchNote;

/// <summary>Which attachments the device takes by itself, from then on.</summary>
internal sealed record BlobPolicyNote(BlobPolicy Policy) : WatchNote;

/// <summary>Another replica's clock.</summary>
internal sealed record SkewNote(ClockSkew Skew) : WatchNote;

/// <summary>What somebody held as a whole at some moment; in the log the difference to what was noted before.</summary>
internal sealed record StandingNote(Acknowledgement Statement) : WatchNote;

/// <summary>What somebody holds, in the place of what was known of it.</summary>
internal sealed record WholeNote(Acknowledgement Statement) : WatchNote;

/// <summary>What a peer was told of what others hold: of each maker eight bytes that stand for the vector.</summary>
internal sealed record ToldNote(ReplicaId Peer, IReadOnlyList<(ReplicaId Maker, ulong Hash)> Known) : WatchNote;
