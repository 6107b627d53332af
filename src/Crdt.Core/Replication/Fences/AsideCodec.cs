using System.Buffers;
using System.Buffers.Binary;
using MessagePack;

namespace Crdt;

/// <summary>A set-aside run as the payload of a log entry: the chain's hash before it, the head, the batches.</summary>
internal static class AsideCodec
{
    public static byte[] Encode(BatchRun run, ReadOnlyMemory<byte> before)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        writer.Write(before.Span);
        writer.Write(run.Head.Span);
        writer.WriteArrayHeader(run.Batches.Count);
        foreach (ReadOnlyMemory<byte> batch in run.Batches) writer.Write(batch.Span);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public static (BatchRun Run, ReadOnlyMemory<byte> Before) Decode(in LogEntry entry)
    {
        var reader = new CanonicalReader(entry.Payload);
        ReadOnlyMemory<byte> before = reader.ReadMemory(AuthorTable.HashLengthBytes, "A hash");
        ReadOnlyMemory<byte> head = reader.ReadMemory(HeadLengthBytesMax, "A head");
        ReadOnlyMemory<byte>[] batches = new ReadOnlyMemory<byte>[reader.ReadArrayHeader("The batches")];
        for (int i = 0; i < batches.Length; i++)
            batches[i] = reader.ReadMemory(FormatLimits.BatchLengthBytesMax, "A batch");
        return (new BatchRun(entry.Author, entry.FirstSequence, batches, entry.LastSequence, head), before);
    }

    /// <summary>A head is a hash, then at most one signature.</summary>
    public const int HeadLengthBytesMax = AuthorTable.HashLengthBytes + SignatureScheme.SignatureLengthBytesMax;

    /// <summary>What tells a run from every other.</summary>
    public static ulong IdOf(BatchRun run) => BinaryPrimitives.ReadUInt64BigEndian(run.Head.Span);

    /// <summary>Whether one of the batches ends at a head.</summary>
    public static bool LeadsThrough(AsideMessage aside, in ChainHead head)
    {
        byte[] hash = aside.Before.ToArray();
        foreach (ReadOnlyMemory<byte> batch in aside.Run.Batches)
        {
            hash = AuthorTable.ChainNext(hash, batch.Span);
            if (head.Hash.Span.SequenceEqual(hash)) return true;
        }
        return false;
    }

    /// <summary>Whether the batches lead from the hash before them to the head.</summary>
    public static bool IsWhole(BatchRun run, ReadOnlyMemory<byte> before)
    {
        if (before.Length != AuthorTable.HashLengthBytes || run.Head.Length < AuthorTable.HashLengthBytes) return false;
        byte[] hash = before.ToArray();
        foreach (ReadOnlyMemory<byte> batch in run.Batches) hash = AuthorTable.ChainNext(hash, batch.Span);
        return run.Head.Span[..AuthorTable.HashLengthBytes].SequenceEqual(hash);
    }
}
