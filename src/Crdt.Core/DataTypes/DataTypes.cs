namespace Crdt;

/// <summary>The format's own types, described like those of anybody else: for laws, models and tools. The engine reads
/// them by shorter ways that the laws hold to these.</summary>
public static class DataTypes
{
    private static readonly RegisterType[] Registers =
        [.. Enum.GetValues<ConflictPolicy>().Select(p => new RegisterType(p))];

    /// <summary>The entity's existence: alive while any sibling says so.</summary>
    public static DataType Existence { get; } = new ExistenceType();

    /// <summary>An element of a set: there while it has a sibling.</summary>
    public static DataType Element { get; } = new ElementType();

    /// <summary>A counter: the sum of every author's own running total.</summary>
    public static DataType Counter { get; } = new CounterType();

    /// <summary>All of them; a field's value by the default policy.</summary>
    public static IReadOnlyList<DataType> All { get; } = [Register(ConflictPolicy.LastWriteWins), Element, Counter, Existence];

    /// <summary>A field's value, under a policy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such policy.</exception>
    public static DataType Register(ConflictPolicy policy) => Array.Find(Registers, r => r.Policy == policy)
        ?? throw new ArgumentOutOfRangeException(nameof(policy), policy, "There is no such policy.");
}
