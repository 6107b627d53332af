using System.Buffers.Binary;
using MessagePack;

namespace Crdt;

/// <summary>Messages of the search for a divergence: docs/wire-format.md, WF-4.8.</summary>
internal static class RangeSummaryCodec
{
    private const int StepMax = 1_000_000;

    public static void Write(ref MessagePackWriter writer, RangesMessage message)
    {
        writer.Write(message.Moment.Span);
        writer.Write(message.Step);
        writer.WriteArrayHeader(message.Ranges.Count);
        foreach (RangeSummary range in message.Ranges)
        {
            writer.Write(range.Range.Depth);
            writer.Write(range.Range.Prefix);
            if (range.Parts is { } parts) WriteParts(ref writer, parts);
            else WriteEntities(ref writer, range.Entities!);
        }
    }

    public static RangesMessage Read(ref CanonicalReader reader)
    {
        ReadOnlyMemory<byte> moment = reader.ReadMemory(RangesMessage.MomentLengthBytes, "The name of a moment");
        if (moment.Length != RangesMessage.MomentLengthBytes)
            throw reader.Fail(BatchError.OutOfRange, "The name of a moment is too short");
        int step = reader.ReadInt32(StepMax, "A step");
        int count = reader.ReadArrayHeader("The ranges");
        if (count > DivergenceSearch.RangesPerStepMax)
            throw reader.Fail(BatchError.LimitExceeded, $"{count} ranges in one message");
        var ranges = new List<RangeSummary>(count);
        for (int i = 0; i < count; i++) ranges.Add(ReadRange(ref reader));
        return new RangesMessage(moment, step, ranges);
    }

    private static void WriteParts(ref MessagePackWriter writer, RangeSum[] parts)
    {
        writer.WriteNil();
        foreach (RangeSum part in parts)
        {
            writer.Write(part.Count);
            if (part.Count > 0) WriteDigest(ref writer, part.Digest);
        }
    }

    private static void WriteEntities(ref MessagePackWriter writer, EntityDigest[] entities)
    {
        writer.WriteArrayHeader(4 * entities.Length);
        foreach ((EntityKey key, UInt128 digest) in entities)
        {
            writer.Write(key.Domain);
            writer.Write(key.Type);
            writer.Write(key.Id);
            WriteDigest(ref writer, digest);
        }
    }

    private static RangeSummary ReadRange(ref CanonicalReader reader)
    {
        int depth = reader.ReadInt32(KeyRange.DepthMax, "The depth of a range");
        var range = new KeyRange(reader.ReadUInt64(), depth);
        if (!range.IsWellFormed) throw reader.Fail(BatchError.OutOfRange, "A range has more digits than its depth");
        return reader.NextType == MessagePackType.Nil
            ? new RangeSummary(range, ReadParts(ref reader, depth), null)
            : new RangeSummary(range, null, ReadEntities(ref reader));
    }

    private static RangeSum[] ReadParts(ref CanonicalReader reader, int depth)
    {
        if (depth == KeyRange.DepthMax) throw reader.Fail(BatchError.OutOfRange, "A range of one hash has no parts");
        reader.ReadNil();
        RangeSum[] parts = new RangeSum[KeyRange.FanOut];
        for (int i = 0; i < parts.Length; i++)
        {
            long count = reader.ReadInt32(int.MaxValue, "The number of entities in a range");
            parts[i] = new RangeSum(count == 0 ? 0 : ReadDigest(ref reader), count);
        }
        return parts;
    }

    private static EntityDigest[] ReadEntities(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("The entities of a range");
        if (count % 4 != 0) throw reader.Fail(BatchError.OutOfRange, "The entities of a range are cut in parts");
        if (count / 4 > RangeSummary.EntitiesMax)
            throw reader.Fail(BatchError.LimitExceeded, $"{count / 4} entities in one range");
        EntityDigest[] entities = new EntityDigest[count / 4];
        for (int i = 0; i < entities.Length; i++)
        {
            string domain = ReadName(ref reader, "A domain"), type = ReadName(ref reader, "A type");
            string id = ReadName(ref reader, "An id");
            entities[i] = new EntityDigest(new EntityKey(domain, type, id), ReadDigest(ref reader));
        }
        return entities;
    }

    private static string ReadName(ref CanonicalReader reader, string what) =>
        System.Text.Encoding.UTF8.GetString(reader.ReadName(what));

    private static void WriteDigest(ref MessagePackWriter writer, UInt128 digest)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, digest);
        writer.WriteBinHeader(bytes.Length);
        bytes.CopyTo(writer.GetSpan(bytes.Length));
        writer.Advance(bytes.Length);
    }

    private static UInt128 ReadDigest(ref CanonicalReader reader) =>
        BinaryPrimitives.ReadUInt128BigEndian(reader.ReadUuid("A digest"));
}
