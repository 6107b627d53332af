namespace Crdt;

/// <summary>One live value of a register as it lies in memory: 48 bytes, in an array sorted by path.</summary>
internal readonly struct SiblingSlot(
    FieldPath path, LocalDot dot, HybridTimestamp timestamp, Value value, SiblingExtra? extra)
{
    public readonly FieldPath Path = path;
    public readonly LocalDot Dot = dot;
    public readonly HybridTimestamp Timestamp = timestamp;
    public readonly Value Value = value;
    public readonly SiblingExtra? Extra = extra;

    public bool IsLost => Extra?.Marks is { IsLost: true };

    public bool IsRefused => Extra?.Marks is { IsRefused: true };

    /// <summary>Whether it is an increment that was written again beyond a fence: below its counter, in a register named by
    /// what tells it from every other.</summary>
    public bool IsRepeatedIncrement => Value.Kind == ValueKind.Integer && Path.IsOffset
        && (Extra is null || Extra.StandsFor == default);

    public HybridTimestamp Claim => Extra is { } e && e.Claim != default ? e.Claim : Timestamp;
}
