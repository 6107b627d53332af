using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>The note that stands in the log before its beginning is dropped: which snapshot stands for that, and what the
/// dropped notes and the own batches told.</summary>
internal static class FloorCodec
{
    private const int FormatVersion = 2;

    public static byte[] Encode(ReplicaWriter writer, Snapshot basis)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var output = new MessagePackWriter(buffer);
        output.Write(FormatVersion);
        output.Write(basis.Number);
        output.Write(basis.ChunksFrom.Value);
        output.Write(basis.ManifestFrom.Value);
        output.Write(writer.Clock.Last.Bits);
        output.Write(writer.Clock.OffsetMs);
        ReplicaCheckpoint.WriteNotes(ref output, writer);
        output.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Which snapshot it names.</summary>
    public static (long Number, LogPosition ChunksFrom, LogPosition ManifestFrom) Read(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        return ReadStart(ref reader);
    }

    /// <summary>Takes over the bookkeeping.</summary>
    public static void Restore(ReplicaWriter writer, ReadOnlyMemory<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        ReadStart(ref reader);
        writer.Clock.Restore(new HybridTimestamp(reader.ReadUInt64()));
        writer.Clock.OffsetMs = reader.ReadInt64();
        ReplicaCheckpoint.ReadNotes(ref reader, writer);
    }

    private static (long Number, LogPosition ChunksFrom, LogPosition ManifestFrom) ReadStart(ref CanonicalReader reader)
    {
        if (reader.ReadInt32(int.MaxValue, "The version") != FormatVersion)
            throw reader.Fail(BatchError.UnknownFormat, "The note of a floor has a format that is not known here");
        return (reader.ReadInt64(), new LogPosition(reader.ReadInt64()), new LogPosition(reader.ReadInt64()));
    }
}
