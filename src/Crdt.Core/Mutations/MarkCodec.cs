using MessagePack;

namespace Crdt;

/// <summary>Marks, and the dots that siblings remember, within the value column of a batch. Layout:
/// docs/wire-format.md, WF-2.14 and WF-2.15.</summary>
internal static class MarkCodec
{
    private const int SiblingsMax = FormatLimits.ObservedDotsMax;
    private const int RoleMask = 3;
    private const int HasClaim = 4;
    private const int WasLost = 8;

    public static void Write(ref MessagePackWriter writer, MarkContent mark, FirstUseTable<string> texts)
    {
        writer.Write((int)mark.Kind);
        if (mark.Kind == MarkKind.Lost) return;
        if (mark.Kind == MarkKind.Refused)
        {
            writer.Write((int)mark.Code);
        }
        if (mark.Kind != MarkKind.Restored) writer.Write(mark.Siblings.Count);
        foreach (MarkedSibling sibling in mark.Siblings) Write(ref writer, sibling, texts);
    }

    /// <param name="reader">Stands at the mark.</param>
    /// <param name="texts">Texts of the batch so far.</param>
    /// <param name="observed">How many siblings the change names.</param>
    public static MarkContent Read(ref CanonicalReader reader, FirstUseTable<string> texts, int observed)
    {
        var kind = (MarkKind)reader.ReadInt32((int)MarkKind.Carried, "The kind of a mark");
        if (kind == 0) throw reader.Fail(BatchError.OutOfRange, "A mark says nothing");
        if (kind == MarkKind.Restored != (observed == 0))
            throw reader.Fail(BatchError.OutOfRange, "A mark names what it annotates, and what is added again names nothing");
        if (kind == MarkKind.Lost) return MarkContent.Lost;
        if (kind == MarkKind.Restored) return new MarkContent(kind, default, [ReadSibling(ref reader, texts)]);
        RefusalCode code = default;
        if (kind == MarkKind.Refused) code = (RefusalCode)reader.ReadInt32(byte.MaxValue, "The code of a refusal");
        int count = reader.ReadInt32(SiblingsMax, "The number of replaced siblings");
        if (count > reader.Remaining) throw reader.Fail(BatchError.Truncated, $"{count} siblings cannot fit");
        var siblings = new List<MarkedSibling>();
        for (int i = 0; i < count; i++)
        {
            siblings.Add(ReadSibling(ref reader, texts));
            if (i > 0 && Compare(siblings[i - 1].Dot, siblings[i].Dot) >= 0)
                throw reader.Fail(BatchError.NotCanonical, "The siblings of a mark are not in order");
        }
        return new MarkContent(kind, code, siblings);
    }

    public static void WriteDots(ref MessagePackWriter writer, IReadOnlyList<Dot> dots)
    {
        writer.Write(dots.Count);
        foreach (Dot dot in dots) AcknowledgementCodec.WriteDot(ref writer, dot);
    }

    public static Dot[] ReadDots(ref CanonicalReader reader)
    {
        int count = reader.ReadInt32(FormatLimits.RememberedDotsMax, "The number of remembered dots");
        if (count > reader.Remaining) throw reader.Fail(BatchError.Truncated, $"{count} remembered dots cannot fit");
        Dot[] dots = new Dot[count];
        for (int i = 0; i < count; i++)
        {
            dots[i] = AcknowledgementCodec.ReadDot(ref reader);
            if (i > 0 && Compare(dots[i - 1], dots[i]) >= 0)
                throw reader.Fail(BatchError.NotCanonical, "The remembered dots are not in order");
        }
        return dots;
    }

    /// <summary>The order of dots: by replica, then by sequence.</summary>
    public static int Compare(Dot a, Dot b)
    {
        int order = a.Replica.CompareTo(b.Replica);
        return order != 0 ? order : a.Sequence.CompareTo(b.Sequence);
    }

    private static void Write(ref MessagePackWriter writer, MarkedSibling sibling, FirstUseTable<string> texts)
    {
        AcknowledgementCodec.WriteDot(ref writer, sibling.Dot);
        writer.Write((int)sibling.Role | (sibling.Claim == default ? 0 : HasClaim) | (sibling.IsLost ? WasLost : 0));
        writer.Write(sibling.Timestamp.Bits);
        if (sibling.Claim != default) writer.Write(sibling.Claim.Bits);
        WriteDots(ref writer, sibling.Replaced);
        ValueCodec.Write(ref writer, sibling.Value, texts);
    }

    private static MarkedSibling ReadSibling(ref CanonicalReader reader, FirstUseTable<string> texts)
    {
        Dot dot = AcknowledgementCodec.ReadDot(ref reader);
        int flags = reader.ReadInt32(RoleMask | HasClaim | WasLost, "The flags of a sibling");
        var role = (ReplicaRole)(flags & RoleMask);
        if (role > ReplicaRole.Authority) throw reader.Fail(BatchError.OutOfRange, "The role is not known");
        var timestamp = new HybridTimestamp(reader.ReadUInt64());
        HybridTimestamp claim = default;
        if ((flags & HasClaim) != 0)
        {
            claim = new HybridTimestamp(reader.ReadUInt64());
            if (claim == default || claim == timestamp)
                throw reader.Fail(BatchError.NotCanonical, "A claim that is the sibling's own time has no place");
        }
        Dot[] replaced = ReadDots(ref reader);
        Value value = ValueCodec.Read(ref reader, texts, "A value");
        return new MarkedSibling(dot, role, timestamp, claim, (flags & WasLost) != 0, value, replaced);
    }
}
