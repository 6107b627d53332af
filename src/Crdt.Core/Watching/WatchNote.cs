using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>What a replica noticed about another one and keeps in its own log, never forwarded.</summary>
internal abstract record WatchNote
{
    private const int Diverged = 1, Agreed = 2, Skewed = 3;

    /// <summary>Whether a note of the log is one of these: statements begin with a binary.</summary>
    public static bool IsOne(ReadOnlyMemory<byte> note) => note.Span is [Diverged or Agreed or Skewed, ..];

    public static WatchNote Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        return Read(ref reader);
    }

    public static WatchNote Read(ref CanonicalReader reader)
    {
        switch (reader.ReadInt32(Skewed, "The kind of a note"))
        {
            case Diverged:
                return new DivergenceNote(ReadDivergence(ref reader));
            case Agreed:
                return new AgreementNote(AcknowledgementCodec.ReadReplica(ref reader));
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
            case AgreementNote { Peer: var peer }:
                writer.Write(Agreed);
                AcknowledgementCodec.WriteReplica(ref writer, peer);
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

/// <summary>Another replica's clock.</summary>
internal sealed record SkewNote(ClockSkew Skew) : WatchNote;
