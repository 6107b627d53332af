namespace Crdt;

/// <summary>A sibling whose marks restore many long values, cut so that no part is longer than a chunk may be: it is told
/// several times, each time with some of what its marks restore. Joined, the marks are whole again.</summary>
internal static class SiblingPieces
{
    /// <summary>The sibling itself, or its parts.</summary>
    public static IEnumerable<SiblingSlot> Of(SiblingSlot slot)
    {
        if (slot.Extra?.Marks is not { Restored.Length: > 1 } marks) return [slot];
        return marks.Restored.Sum(static r => (long)ValueCodec.LengthBytes(r.Value, FormatLimits.ValueLengthBytesMax))
            <= FormatLimits.SnapshotChunkLengthBytes
            ? [slot]
            : marks.Restored.Select(r => new SiblingSlot(slot.Path, slot.Dot, slot.Timestamp, slot.Value,
                slot.Extra with { Marks = marks with { Restored = [r] } }));
    }

    /// <summary>Whether a part follows another.</summary>
    public static bool GoesOn(in SiblingSlot before, in SiblingSlot slot, ReplicaTable replicas) =>
        before.Extra?.Marks is { Restored.Length: > 0 } told && slot.Extra?.Marks is { Restored.Length: > 0 } more
        && replicas.CompareDots(told.Restored[^1].Dot, more.Restored[0].Dot) < 0
        && before.Timestamp == slot.Timestamp && before.Value == slot.Value && before.Claim == slot.Claim
        && told.IsLost == more.IsLost && told.Codes.AsSpan().SequenceEqual(more.Codes);
}
