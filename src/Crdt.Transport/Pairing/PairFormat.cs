using System.Buffers;
using System.Text;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;
using MessagePack;

namespace Crdt.Transport.Pairing;

/// <summary>The steps of pairing as frames: an array of a number and what belongs to it; further elements are of later
/// versions (WF-10.1).</summary>
internal static class PairFormat
{
    /// <summary>What a device may call itself, in bytes of UTF-8.</summary>
    public const int NameLengthBytesMax = 64;

    private const int ByToken = 1;
    private const int ByCode = 2;
    private const int Nonce = 3;
    private const int Confirmed = 4;
    private const int Granted = 5;

    public static void Write(FrameBuffer output, PairMessage message)
    {
        output.Begin(FrameType.Pair);
        var writer = new MessagePackWriter(output);
        switch (message)
        {
            case TokenApplication m:
                WriteApplication(ref writer, ByToken, m.Replica, m.Name, m.Proof);
                break;
            case CodeApplication m:
                WriteApplication(ref writer, ByCode, m.Replica, m.Name, m.Commitment);
                break;
            case PairNonce m:
                writer.WriteArrayHeader(2);
                writer.Write(Nonce);
                writer.Write(m.Nonce);
                break;
            case PairConfirmed:
                writer.WriteArrayHeader(1);
                writer.Write(Confirmed);
                break;
            case PairGranted m:
                writer.WriteArrayHeader(3);
                writer.Write(Granted);
                writer.Write(m.Genesis.Span);
                writer.Write(m.Enrolment.Span);
                break;
        }
        writer.Flush();
        output.Commit();
    }

    /// <exception cref="WireException"><see cref="WireError.Malformed"/>.</exception>
    public static PairMessage Read(in Frame frame, string peer)
    {
        try
        {
            var reader = new MessagePackReader(frame.Payload);
            int elements = reader.ReadArrayHeader();
            int kind = reader.ReadInt32();
            if (elements < ElementsOf(kind))
                throw new MessagePackSerializationException($"{elements} elements in step {kind}.");
            return kind switch
            {
                ByToken => new TokenApplication(
                    ReadReplica(ref reader), ReadName(ref reader), ReadBytes(ref reader, PairingSecrets.HashLengthBytes)),
                ByCode => new CodeApplication(
                    ReadReplica(ref reader), ReadName(ref reader), ReadBytes(ref reader, PairingSecrets.HashLengthBytes)),
                Nonce => new PairNonce(ReadBytes(ref reader, PairingSecrets.NonceLengthBytes)),
                Confirmed => new PairConfirmed(),
                _ => new PairGranted((reader.ReadBytes() ?? default).ToArray(), (reader.ReadBytes() ?? default).ToArray()),
            };
        }
        catch (Exception e) when (MessageFormat.IsMalformed(e))
        {
            throw MessageFormat.Malformed(frame.Type, peer, e);
        }
    }

    private static int ElementsOf(int kind) => kind switch
    {
        ByToken or ByCode => 4,
        Nonce => 2,
        Confirmed => 1,
        Granted => 3,
        _ => throw new MessagePackSerializationException($"There is no step {kind}."),
    };

    private static void WriteApplication(
        ref MessagePackWriter writer, int kind, ReplicaId replica, string name, ReadOnlySpan<byte> proof)
    {
        writer.WriteArrayHeader(4);
        writer.Write(kind);
        writer.WriteBinHeader(ReplicaId.LengthBytes);
        replica.WriteBytes(writer.GetSpan(ReplicaId.LengthBytes));
        writer.Advance(ReplicaId.LengthBytes);
        writer.WriteString(MessageFormat.Utf8Prefix(name, NameLengthBytesMax));
        writer.Write(proof);
    }

    private static ReplicaId ReadReplica(ref MessagePackReader reader)
    {
        ReplicaId id = ReplicaId.FromBytes(ReadBytes(ref reader, ReplicaId.LengthBytes));
        return id.IsEmpty ? throw new MessagePackSerializationException("The replica id is empty.") : id;
    }

    private static string ReadName(ref MessagePackReader reader)
    {
        ReadOnlySequence<byte> text = reader.ReadStringSequence() ?? default;
        if (text.Length > NameLengthBytesMax)
            throw new MessagePackSerializationException($"A name of {text.Length} bytes exceeds the limit of {NameLengthBytesMax} bytes.");
        return MessageFormat.Printable(Encoding.UTF8.GetString(text));
    }

    private static byte[] ReadBytes(ref MessagePackReader reader, int lengthBytes)
    {
        ReadOnlySequence<byte> bytes = reader.ReadBytes() ?? default;
        return bytes.Length == lengthBytes ? bytes.ToArray()
            : throw new MessagePackSerializationException($"{bytes.Length} bytes where {lengthBytes} are needed.");
    }
}
