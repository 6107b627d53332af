using MessagePack;

namespace Crdt;

/// <summary>A sibling as MessagePack, without its path: a mask of what it has beside its value, that, the value. The one place to extend where a sibling gets something new, beside the digest.</summary>
internal static class SiblingCodec
{
    private const int HasClaim = 1, HasCounterStart = 2, HasReplaced = 4, HasStandsFor = 8, IsLost = 16, HasCodes = 32,
        HasRestored = 64;

    /// <summary>All bits of a mask.</summary>
    public const int MaskMax = 127;

    // The bits of a restored sibling's mask are the same.
    private const int RestoredMask = HasClaim | HasReplaced | IsLost;

    /// <summary>The whole sibling, its dots by the replica's own indexes: means nothing elsewhere.</summary>
    public static void Write(ref MessagePackWriter writer, in SiblingSlot slot)
    {
        writer.Write(MaskOf(slot.Extra));
        writer.Write(slot.Dot.Bits);
        writer.Write(slot.Timestamp.Bits);
        WriteExtra(ref writer, slot, OwnDotForm.Instance);
        ValueCodec.Write(ref writer, slot.Value, null);
    }

    /// <summary>Reads back what <see cref="Write"/> wrote.</summary>
    /// <exception cref="BatchFormatException">It is something else, or not what a sibling at that path can be.</exception>
    public static SiblingSlot Read(ref CanonicalReader reader, FieldPath path)
    {
        int mask = reader.ReadInt32(MaskMax, "The mask of a sibling");
        var dot = new LocalDot(reader.ReadUInt64());
        var timestamp = new HybridTimestamp(reader.ReadUInt64());
        SiblingExtra? extra = ReadExtra(ref reader, mask, dot, timestamp, path, OwnDotForm.Instance, replicas: null);
        return new SiblingSlot(path, dot, timestamp, ReadValue(ref reader, path), extra);
    }

    /// <summary>What the mask names, in the order of its bits.</summary>
    public static void WriteExtra(ref MessagePackWriter writer, in SiblingSlot slot, IDotForm form)
    {
        if (slot.Extra is not { } extra) return;
        if (extra.Claim != default) writer.Write(extra.Claim.Bits);
        if (extra.CounterStart != 0) writer.Write(slot.Dot.Sequence - extra.CounterStart);
        if (extra.Replaced.Length > 0) WriteDots(ref writer, extra.Replaced, slot.Dot, form);
        if (extra.StandsFor != default) form.WriteDot(ref writer, extra.StandsFor, slot.Dot);
        if (extra.Marks is { } marks) WriteMarks(ref writer, marks, slot.Dot, form);
    }

    /// <summary>What a sibling has beside its value, as bits.</summary>
    public static int MaskOf(SiblingExtra? extra) => extra is null ? 0
        : (extra.Claim == default ? 0 : HasClaim) | (extra.CounterStart == 0 ? 0 : HasCounterStart)
            | (extra.Replaced.Length == 0 ? 0 : HasReplaced) | (extra.StandsFor == default ? 0 : HasStandsFor)
            | (extra.Marks is not { } marks ? 0
                : (marks.IsLost ? IsLost : 0) | (marks.Codes.Length == 0 ? 0 : HasCodes)
                    | (marks.Restored.Length == 0 ? 0 : HasRestored));

    /// <summary>Reads back what <see cref="WriteExtra"/> wrote.</summary>
    /// <param name="reader">Stands there.</param>
    /// <param name="mask">What it has.</param>
    /// <param name="dot">Who wrote the sibling.</param>
    /// <param name="timestamp">When.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="form">How its dots are told.</param>
    /// <param name="replicas">The order of dots; null where one's own bytes are read, whose order needs no check.</param>
    /// <exception cref="BatchFormatException">It is something else, or not what a sibling at that path can have.</exception>
    public static SiblingExtra? ReadExtra(
        ref CanonicalReader reader, int mask, LocalDot dot, HybridTimestamp timestamp, FieldPath path, IDotForm form,
        ReplicaTable? replicas)
    {
        if (mask == 0) return null;
        HybridTimestamp claim = (mask & HasClaim) == 0 ? default : ReadClaim(ref reader, timestamp);
        long start = 0;
        if ((mask & HasCounterStart) != 0)
        {
            ulong back = reader.ReadUInt64();
            if (path.Rule != ReplaceRule.Own || back >= (ulong)dot.Sequence)
                throw reader.Fail(BatchError.OutOfRange, $"No counter at {path} began then");
            start = dot.Sequence - (long)back;
        }
        LocalDot[] replaced = (mask & HasReplaced) == 0 ? [] : ReadDots(ref reader, dot, form, replicas);
        LocalDot standsFor = (mask & HasStandsFor) == 0 ? default : form.ReadDot(ref reader, dot);
        RefusalCode[] codes = (mask & HasCodes) == 0 ? [] : ReadCodes(ref reader);
        RestoredSibling[] restored = (mask & HasRestored) == 0 ? [] : ReadRestored(ref reader, path, dot, form, replicas);
        bool isMarked = (mask & (IsLost | HasCodes | HasRestored)) != 0;
        return new SiblingExtra(claim, start, replaced)
        {
            StandsFor = standsFor,
            Marks = isMarked ? new SiblingMarks((mask & IsLost) != 0, codes, restored) : null,
        };
    }

    private static void WriteMarks(ref MessagePackWriter writer, SiblingMarks marks, LocalDot own, IDotForm form)
    {
        if (marks.Codes.Length > 0)
        {
            writer.WriteArrayHeader(marks.Codes.Length);
            foreach (RefusalCode code in marks.Codes) writer.Write((int)code);
        }
        if (marks.Restored.Length == 0) return;
        writer.WriteArrayHeader(marks.Restored.Length);
        foreach (RestoredSibling sibling in marks.Restored)
        {
            writer.Write((sibling.Claim == default ? 0 : HasClaim) | (sibling.Replaced.Length == 0 ? 0 : HasReplaced)
                | (sibling.IsLost ? IsLost : 0));
            form.WriteDot(ref writer, sibling.Dot, own);
            writer.Write(sibling.Timestamp.Bits);
            if (sibling.Claim != default) writer.Write(sibling.Claim.Bits);
            if (sibling.Replaced.Length > 0) WriteDots(ref writer, sibling.Replaced, own, form);
            ValueCodec.Write(ref writer, sibling.Value, null);
        }
    }

    private static RefusalCode[] ReadCodes(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("The codes");
        if (count is 0 or > byte.MaxValue + 1) throw reader.Fail(BatchError.OutOfRange, $"{count} codes");
        RefusalCode[] codes = new RefusalCode[count];
        for (int i = 0; i < count; i++)
        {
            codes[i] = (RefusalCode)reader.ReadInt32(byte.MaxValue, "The code of a refusal");
            if (i > 0 && codes[i] <= codes[i - 1]) throw reader.Fail(BatchError.NotCanonical, "The codes are not in order");
        }
        return codes;
    }

    private static RestoredSibling[] ReadRestored(
        ref CanonicalReader reader, FieldPath path, LocalDot own, IDotForm form, ReplicaTable? replicas)
    {
        int count = reader.ReadArrayHeader("What was replaced");
        if (count == 0) throw reader.Fail(BatchError.NotCanonical, "An empty list");
        var restored = new List<RestoredSibling>();
        for (int i = 0; i < count; i++)
        {
            int mask = reader.ReadInt32(RestoredMask, "The mask of a replaced sibling");
            if ((mask & ~RestoredMask) != 0) throw reader.Fail(BatchError.OutOfRange, "The mask is not known");
            LocalDot dot = form.ReadDot(ref reader, own);
            var timestamp = new HybridTimestamp(reader.ReadUInt64());
            HybridTimestamp claim = (mask & HasClaim) == 0 ? default : ReadClaim(ref reader, timestamp);
            LocalDot[] replaced = (mask & HasReplaced) == 0 ? [] : ReadDots(ref reader, own, form, replicas);
            if (i > 0 && replicas is not null && replicas.CompareDots(restored[i - 1].Dot, dot) >= 0)
                throw reader.Fail(BatchError.NotCanonical, "The siblings of a mark are not in order");
            restored.Add(new RestoredSibling(
                dot, timestamp, claim, (mask & IsLost) != 0, ReadValue(ref reader, path), replaced));
        }
        return [.. restored];
    }

    private static HybridTimestamp ReadClaim(ref CanonicalReader reader, HybridTimestamp timestamp)
    {
        var claim = new HybridTimestamp(reader.ReadUInt64());
        return claim != default && claim != timestamp
            ? claim
            : throw reader.Fail(BatchError.NotCanonical, "A claim that is the sibling's own time has no place");
    }

    /// <exception cref="BatchFormatException">No value at that path is like this.</exception>
    public static Value ReadValue(ref CanonicalReader reader, FieldPath path)
    {
        Value value = ValueCodec.Read(ref reader, null, "A value");
        if ((path.IsCounter && value.Kind != ValueKind.Integer) || (path.IsRoot && value.Kind != ValueKind.Boolean))
            throw reader.Fail(BatchError.OutOfRange, $"No value at {path} is like this");
        return value;
    }

    private static void WriteDots(ref MessagePackWriter writer, LocalDot[] dots, LocalDot own, IDotForm form)
    {
        writer.WriteArrayHeader(dots.Length);
        foreach (LocalDot dot in dots) form.WriteDot(ref writer, dot, own);
    }

    private static LocalDot[] ReadDots(ref CanonicalReader reader, LocalDot own, IDotForm form, ReplicaTable? replicas)
    {
        int count = reader.ReadArrayHeader("The dots");
        if (count is 0 or > FormatLimits.ObservedDotsMax + FormatLimits.RememberedDotsMax)
            throw reader.Fail(BatchError.OutOfRange, $"{count} dots");
        LocalDot[] dots = new LocalDot[count];
        for (int i = 0; i < count; i++)
        {
            dots[i] = form.ReadDot(ref reader, own);
            if (i > 0 && replicas is not null && replicas.CompareDots(dots[i - 1], dots[i]) >= 0)
                throw reader.Fail(BatchError.NotCanonical, "The dots are not in order");
        }
        return dots;
    }
}
