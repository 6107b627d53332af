using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>A replica's bookkeeping as bytes for its own store: what the projection's position does not tell.</summary>
internal static class ReplicaCheckpoint
{
    private const int FormatVersion = 2;

    public static byte[] Encode(ReplicaWriter writer, UInt128 digest)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var output = new MessagePackWriter(buffer);
        output.Write(FormatVersion);
        AcknowledgementCodec.WriteReplica(ref output, writer.Identity.Replica);
        output.Write((ulong)(digest >> 64));
        output.Write((ulong)digest);
        output.Write(writer.LivingEntities);
        output.Write(writer.Clock.Last.Bits);
        output.Write(writer.Clock.OffsetMs);
        output.Write(writer.Authors.Ids.Count);
        for (int i = 0; i < writer.Authors.Ids.Count; i++)
        {
            AuthorTable.AuthorState state = writer.Authors[i];
            AcknowledgementCodec.WriteReplica(ref output, writer.Authors.Ids[i]);
            output.Write(state.Applied);
            output.Write(state.HeadSequence);
            output.Write(state.Head);
            output.Write(state.Signature.Span);
        }
        TrustCodec.Write(ref output, writer.Trust);
        writer.Snapshots.Write(ref output);
        WriteNotes(ref output, writer);
        output.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Whether a checkpoint was made under this id: under another one, siblings count their authors differently.</summary>
    public static bool IsOf(ReadOnlyMemory<byte> checkpoint, ReplicaId replica)
    {
        if (checkpoint.IsEmpty) return true;
        var reader = new CanonicalReader(checkpoint);
        int version = reader.ReadInt32(int.MaxValue, "The version");
        // One of an earlier format is as good as none; of a later one the decoding tells.
        return version > FormatVersion
            || (version == FormatVersion && AcknowledgementCodec.ReadReplica(ref reader) == replica);
    }

    /// <summary>Fills the writer's tables; nothing when there is no checkpoint yet.</summary>
    /// <returns>The digest's sum and the number of living entities.</returns>
    public static (UInt128 Digest, long Living) Decode(ReplicaWriter writer, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty) return (0, 0);
        var reader = new CanonicalReader(bytes);
        if (reader.ReadInt32(int.MaxValue, "The version") != FormatVersion)
            throw reader.Fail(BatchError.UnknownFormat, "The checkpoint has a format that is not known here");
        AcknowledgementCodec.ReadReplica(ref reader);
        var digest = new UInt128(reader.ReadUInt64(), reader.ReadUInt64());
        long living = reader.ReadInt64();
        writer.Clock.Restore(new HybridTimestamp(reader.ReadUInt64()));
        writer.Clock.OffsetMs = reader.ReadInt64();
        for (int i = reader.ReadCount("The number of authors"); i > 0; i--)
        {
            int author = writer.Authors.IndexOf(AcknowledgementCodec.ReadReplica(ref reader));
            long applied = reader.ReadInt64(), headSequence = reader.ReadInt64();
            byte[] head = reader.ReadBytes(AuthorTable.HashLengthBytes, "A head").ToArray();
            ReadOnlyMemory<byte> signature = reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A signature");
            writer.Authors.Advance(
                author, new AuthorTable.AuthorState(applied, headSequence, head) { Signature = signature });
        }
        TrustCodec.Read(ref reader, writer.Trust);
        writer.Authors.Publish();
        writer.Snapshots.Read(ref reader);
        ReadNotes(ref reader, writer);
        return (digest, living);
    }

    /// <summary>Writes what the notes in the log told.</summary>
    public static void WriteNotes(ref MessagePackWriter output, ReplicaWriter writer)
    {
        (Acknowledgement[] newest, var synced) = writer.Acknowledgements.Export();
        output.Write(newest.Length);
        foreach (Acknowledgement statement in newest) AcknowledgementCodec.Write(ref output, statement);
        output.Write(synced.Length);
        foreach ((ReplicaId author, (long Sequence, DateTimeOffset Time)[] marks) in synced)
        {
            AcknowledgementCodec.WriteReplica(ref output, author);
            output.Write(marks.Length);
            foreach ((long sequence, DateTimeOffset time) in marks)
            {
                output.Write(sequence);
                AcknowledgementCodec.WriteTime(ref output, time);
            }
        }
        writer.Watch.Write(ref output);
        FenceCodec.WriteKept(ref output, writer.Fences);
        Acknowledgement[] standing = writer.Standing.Newest;
        output.Write(standing.Length);
        foreach (Acknowledgement statement in standing) AcknowledgementCodec.Write(ref output, statement);
        ToldNote[] told = writer.Standing.Told;
        output.Write(told.Length);
        foreach (ToldNote note in told) note.Write(ref output);
        writer.Postponed.Write(ref output);
    }

    /// <summary>Takes over what the notes told.</summary>
    public static void ReadNotes(ref CanonicalReader reader, ReplicaWriter writer)
    {
        for (int i = reader.ReadCount("The number of statements"); i > 0; i--)
            writer.Acknowledgements.Restore(AcknowledgementCodec.Read(ref reader));
        for (int i = reader.ReadCount("The number of authors"); i > 0; i--)
        {
            ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
            for (int m = reader.ReadCount("The number of marks"); m > 0; m--)
                writer.Acknowledgements.Restore(author, reader.ReadInt64(), AcknowledgementCodec.ReadTime(ref reader));
        }
        writer.Watch.Restore(ref reader);
        FenceCodec.ReadKept(ref reader, writer.Fences);
        for (int i = reader.ReadCount("The number of statements"); i > 0; i--)
            writer.Standing.Take(AcknowledgementCodec.Read(ref reader));
        for (int i = reader.ReadCount("The number of peers"); i > 0; i--) writer.TakeNote(WatchNote.Read(ref reader));
        // Checkpoints and floors of before end here.
        if (reader.Remaining > 0) writer.Postponed.Restore(ref reader);
    }
}
