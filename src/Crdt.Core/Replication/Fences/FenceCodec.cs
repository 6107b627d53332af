using MessagePack;

namespace Crdt;

/// <summary>A fence as MessagePack: whose log, sequence, hash, reason, the mutation that says so.</summary>
internal static class FenceCodec
{
    public static void Write(ref MessagePackWriter writer, Fence fence)
    {
        AcknowledgementCodec.WriteReplica(ref writer, fence.Replica);
        writer.Write(fence.Sequence);
        writer.Write(fence.Head.Hash.Span);
        writer.Write((int)fence.Reason);
        AcknowledgementCodec.WriteReplica(ref writer, fence.By.Replica);
        writer.Write(fence.By.Sequence);
        writer.Write(fence.Signature.Span);
    }

    public static Fence Read(ref CanonicalReader reader)
    {
        ReplicaId replica = AcknowledgementCodec.ReadReplica(ref reader);
        ulong sequence = reader.ReadUInt64();
        if (sequence > Dot.SequenceMax) throw reader.Fail(BatchError.OutOfRange, "A fence lies beyond all sequences");
        ReadOnlyMemory<byte> hash = reader.ReadMemory(AuthorTable.HashLengthBytes, "A hash");
        if (hash.Length != AuthorTable.HashLengthBytes) throw reader.Fail(BatchError.OutOfRange, "A hash is too short");
        var reason = (FenceReason)reader.ReadInt32(FenceEntity.ReasonMax, "A reason");
        var by = new Dot(AcknowledgementCodec.ReadReplica(ref reader), reader.ReadSequence());
        return new Fence(new ChainHead(replica, (long)sequence, hash.ToArray()), reason, by)
        {
            Signature = reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A signature").ToArray(),
        };
    }

    public static byte[] Encode(Fence fence)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(96);
        var writer = new MessagePackWriter(buffer);
        Write(ref writer, fence);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>What a replica keeps of fences, for its own checkpoint.</summary>
    public static void WriteKept(ref MessagePackWriter writer, FenceKeeper keeper)
    {
        writer.Write(keeper.Heard.Count);
        foreach (Fence fence in keeper.Heard) Write(ref writer, fence);
        writer.Write(keeper.Asides.Count);
        foreach (SetAsideRun run in keeper.Asides)
        {
            AcknowledgementCodec.WriteReplica(ref writer, run.Author);
            writer.Write(run.FirstSequence);
            writer.Write(run.LastSequence);
            writer.Write(run.Position.Value);
            writer.Write(run.Id);
            writer.Write(run.LengthBytes);
        }
        writer.Write(keeper.FormerIds.Count);
        foreach (ReplicaId former in keeper.FormerIds) AcknowledgementCodec.WriteReplica(ref writer, former);
        writer.Write(keeper.Partings.Count);
        foreach (Parting parting in keeper.Partings)
        {
            LogEntry entry = parting.ToEntry();
            AcknowledgementCodec.WriteReplica(ref writer, parting.Author);
            writer.Write(parting.Common);
            writer.Write(entry.Payload.Span);
        }
    }

    public static void ReadKept(ref CanonicalReader reader, FenceKeeper keeper)
    {
        for (int i = reader.ReadCount("The number of fences"); i > 0; i--) keeper.Hear(Read(ref reader));
        for (int i = reader.ReadCount("The number of runs"); i > 0; i--)
        {
            keeper.Keep(new SetAsideRun(AcknowledgementCodec.ReadReplica(ref reader), reader.ReadInt64(), reader.ReadInt64(),
                new LogPosition(reader.ReadInt64()))
            {
                Id = reader.ReadUInt64(),
                LengthBytes = reader.ReadInt64(),
            });
        }
        for (int i = reader.ReadCount("The number of ids"); i > 0; i--)
            keeper.Succeed(AcknowledgementCodec.ReadReplica(ref reader));
        for (int i = reader.ReadCount("The number of partings"); i > 0; i--)
        {
            ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
            long common = reader.ReadInt64();
            keeper.Restore(Parting.Of(new LogEntry(
                LogEntryKind.Parting, author, common, common, reader.ReadMemory(int.MaxValue, "What was given up"))));
        }
    }
}
