using MessagePack;

namespace Crdt;

/// <summary>The messages about fences and forks as MessagePack.</summary>
internal static class ForkCodec
{
    public static void Write(ref MessagePackWriter writer, FencesMessage message)
    {
        writer.WriteArrayHeader(message.Fences.Count);
        foreach (Fence fence in message.Fences) FenceCodec.Write(ref writer, fence);
        writer.WriteArrayHeader(message.Asides.Count);
        foreach (ulong aside in message.Asides) writer.Write(aside);
        writer.WriteArrayHeader(message.Forks.Count);
        foreach (ForkReport fork in message.Forks) Write(ref writer, fork);
    }

    public static void Write(ref MessagePackWriter writer, ForkReport fork)
    {
        AcknowledgementCodec.WriteReplica(ref writer, fork.Author);
        WriteHead(ref writer, fork.Common);
        WriteHead(ref writer, fork.One);
        WriteHead(ref writer, fork.Other);
    }

    private static ForkReport ReadReport(ref CanonicalReader reader)
    {
        ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
        var fork = new ForkReport(ReadHead(ref reader, author), ReadHead(ref reader, author), ReadHead(ref reader, author));
        return fork.Common.Sequence < fork.One.Sequence && fork.One.Sequence <= fork.Other.Sequence
            ? fork : throw reader.Fail(BatchError.OutOfRange, "A fork's heads are not behind what they have in common");
    }

    private static void WriteHead(ref MessagePackWriter writer, in ChainHead head)
    {
        writer.Write(head.Sequence);
        byte[] whole = [.. head.Hash.Span, .. head.Signature.Span];
        writer.Write(whole);
    }

    private static ChainHead ReadHead(ref CanonicalReader reader, ReplicaId author)
    {
        ulong sequence = reader.ReadUInt64();
        if (sequence > Dot.SequenceMax) throw reader.Fail(BatchError.OutOfRange, "A head lies beyond all sequences");
        ReadOnlyMemory<byte> head = SyncMessageCodec.ReadHead(ref reader);
        return new ChainHead(author, (long)sequence, head[..AuthorTable.HashLengthBytes].ToArray())
        {
            Signature = AuthorTable.SignatureOf(head),
        };
    }

    public static FencesMessage ReadFences(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("The fences");
        var fences = new List<Fence>(Math.Min(count, 64));
        for (int i = 0; i < count; i++)
        {
            Fence fence = FenceCodec.Read(ref reader);
            if (fences.Count > 0 && Fence.Compare(fences[^1], fence) >= 0)
                throw reader.Fail(BatchError.NotCanonical, "The fences are not in order");
            fences.Add(fence);
        }
        count = reader.ReadArrayHeader("The runs that are kept aside");
        var asides = new List<ulong>(Math.Min(count, 64));
        for (int i = 0; i < count; i++)
        {
            ulong aside = reader.ReadUInt64();
            if (asides.Count > 0 && asides[^1] >= aside)
                throw reader.Fail(BatchError.NotCanonical, "The runs that are kept aside are not in order");
            asides.Add(aside);
        }
        count = reader.ReadArrayHeader("The forks");
        var forks = new List<ForkReport>(Math.Min(count, 64));
        for (int i = 0; i < count; i++)
        {
            ForkReport fork = ReadReport(ref reader);
            if (forks.Count > 0 && forks[^1].Author >= fork.Author)
                throw reader.Fail(BatchError.NotCanonical, "The forks are not in order");
            forks.Add(fork);
        }
        return new FencesMessage(fences, asides, forks);
    }

    public static void Write(ref MessagePackWriter writer, ChainMessage message)
    {
        AcknowledgementCodec.WriteReplica(ref writer, message.Author);
        writer.WriteArrayHeader(2 * message.Heads.Count);
        foreach (ChainHead head in message.Heads) WriteHead(ref writer, head);
    }

    public static ChainMessage ReadChain(ref CanonicalReader reader)
    {
        ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
        int count = reader.ReadArrayHeader("The heads");
        if (count % 2 != 0) throw reader.Fail(BatchError.OutOfRange, "The heads are cut in parts");
        if (count > 2 * ChainMessage.HeadsMax) throw reader.Fail(BatchError.LimitExceeded, $"{count / 2} heads of a chain");
        var heads = new List<ChainHead>(count / 2);
        for (int i = 0; i < count; i += 2)
        {
            long sequence = reader.ReadSequence();
            if (heads.Count > 0 && heads[^1].Sequence >= sequence)
                throw reader.Fail(BatchError.NotCanonical, "The heads of a chain are not in order");
            ReadOnlyMemory<byte> head = SyncMessageCodec.ReadHead(ref reader);
            heads.Add(new ChainHead(author, sequence, head[..AuthorTable.HashLengthBytes])
            {
                Signature = AuthorTable.SignatureOf(head),
            });
        }
        return new ChainMessage(author, heads);
    }

    public static void Write(ref MessagePackWriter writer, AsideMessage message)
    {
        AcknowledgementCodec.WriteReplica(ref writer, message.Run.Author);
        writer.Write(message.Run.FirstSequence);
        writer.Write(message.Run.LastSequence - message.Run.FirstSequence);
        writer.Write(message.Before.Span);
        writer.Write(message.Run.Head.Span);
        writer.WriteArrayHeader(message.Run.Batches.Count);
        foreach (ReadOnlyMemory<byte> batch in message.Run.Batches) writer.Write(batch.Span);
    }

    public static AsideMessage ReadAside(ref CanonicalReader reader)
    {
        ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
        long first = reader.ReadSequence();
        ulong more = reader.ReadUInt64();
        if (more > (ulong)(Dot.SequenceMax - first)) throw reader.Fail(BatchError.OutOfRange, "A run ends beyond all sequences");
        ReadOnlyMemory<byte> before = reader.ReadMemory(AuthorTable.HashLengthBytes, "A hash");
        if (before.Length != AuthorTable.HashLengthBytes) throw reader.Fail(BatchError.OutOfRange, "A hash is too short");
        ReadOnlyMemory<byte> head = SyncMessageCodec.ReadHead(ref reader);
        ReadOnlyMemory<byte>[] batches = SyncMessageCodec.ReadBatches(ref reader);
        if (batches.Length == 0) throw reader.Fail(BatchError.LimitExceeded, "A run of 0 batches");
        return new AsideMessage(new BatchRun(author, first, batches, first + (long)more, head), before);
    }
}
