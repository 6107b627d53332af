using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>Bytes of a bundle: docs/wire-format.md, section WF-9.</summary>
internal static class BundleFormat
{
    public const int Version = 1;

    /// <summary>Behind the magic bytes the version, as u16.</summary>
    public const int PreludeLengthBytes = 10;

    /// <summary>Length as u32, check-sum as u64.</summary>
    public const int FrameHeaderLengthBytes = 12;

    /// <summary>The longest message: a run, or the heads and statements of a hundred thousand replicas.</summary>
    public const int FrameLengthBytesMax = 16 << 20;

    public static ReadOnlySpan<byte> Magic => "CRDT-BDL"u8;

    public static byte[] EncodeHeader(Bundle bundle)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var writer = new MessagePackWriter(buffer);
        byte[] space = new byte[SpaceId.LengthBytes];
        bundle.Space.WriteBytes(space);
        writer.Write(space);
        AcknowledgementCodec.WriteReplica(ref writer, bundle.Maker);
        AcknowledgementCodec.WriteTime(ref writer, bundle.MadeAt);
        if (bundle.Reader is { } reader) AcknowledgementCodec.WriteReplica(ref writer, reader);
        else writer.WriteNil();
        AcknowledgementCodec.WriteVector(ref writer, bundle.Since);
        AcknowledgementCodec.WriteVector(ref writer, bundle.Until);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <exception cref="BundleException">The bytes are no header.</exception>
    public static Bundle DecodeHeader(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var reader = new CanonicalReader(bytes);
            ReadOnlyMemory<byte> space = reader.ReadMemory(SpaceId.LengthBytes, "A space");
            if (space.Length != SpaceId.LengthBytes) throw reader.Fail(BatchError.OutOfRange, "A space id is too short");
            ReplicaId maker = AcknowledgementCodec.ReadReplica(ref reader);
            DateTimeOffset madeAt = AcknowledgementCodec.ReadTime(ref reader);
            ReplicaId? forWhom = null;
            if (reader.NextType == MessagePackType.Nil) reader.ReadNil();
            else forWhom = AcknowledgementCodec.ReadReplica(ref reader);
            return new Bundle(SpaceId.FromBytes(space.Span), maker, madeAt, forWhom,
                AcknowledgementCodec.ReadVector(ref reader), AcknowledgementCodec.ReadVector(ref reader));
        }
        catch (Exception e) when (e is BatchFormatException or EndOfStreamException or MessagePackSerializationException
            or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw new BundleException(BundleError.Damaged, $"The header of the bundle cannot be read: {e.Message}", e);
        }
    }
}
