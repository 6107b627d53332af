namespace Crdt;

/// <summary>One live value of a register as it lies in memory: 40 bytes, in an array sorted by path.</summary>
internal readonly struct SiblingSlot(
    FieldPath path, LocalDot dot, HybridTimestamp timestamp, Value value, SiblingExtra? extra)
{
    // The path itself; of the few that have an extra, both together.
    private readonly object place = extra is null ? path : new Annotated(path, extra);

    public readonly LocalDot Dot = dot;
    public readonly HybridTimestamp Timestamp = timestamp;
    public readonly Value Value = value;

    public FieldPath Path => place is FieldPath path ? path : ((Annotated)place).Path;

    public SiblingExtra? Extra => place is Annotated annotated ? annotated.Extra : null;

    public bool IsLost => Extra?.Marks is { IsLost: true };

    public bool IsRefused => Extra?.Marks is { IsRefused: true };

    /// <summary>Whether it is an increment that was written again beyond a fence: below its counter, in a register named by
    /// what tells it from every other.</summary>
    public bool IsRepeatedIncrement => Value.Kind == ValueKind.Integer && Path.IsOffset
        && (Extra is null || Extra.StandsFor == default);

    public HybridTimestamp Claim => Extra is { } e && e.Claim != default ? e.Claim : Timestamp;

    /// <summary>Whether it lies at this very path and has no extra: one comparison, and no certainty when it says no.</summary>
    public bool IsPlainAt(FieldPath path) => ReferenceEquals(place, path);

    private sealed class Annotated(FieldPath path, SiblingExtra extra)
    {
        public FieldPath Path { get; } = path;

        public SiblingExtra Extra { get; } = extra;
    }
}
