namespace Crdt;

/// <summary>The types of their own that a replica's users have registered, by number. Immutable.</summary>
internal sealed class DataTypeTable
{
    public static readonly DataTypeTable Empty = new([]);

    private readonly DataType?[] byKind = new DataType?[DataType.KindMax + 1];

    /// <exception cref="ArgumentException">Two types share a number.</exception>
    public DataTypeTable(IReadOnlyList<DataType> types)
    {
        foreach (DataType type in types)
        {
            ref DataType? place = ref byKind[(int)type.Kind];
            if (type.Kind < (PathKind)DataType.KindMin || place is not null)
                throw new ArgumentException($"Two data types of number {(int)type.Kind}: {place ?? type} and {type}.", nameof(types));
            place = type;
        }
        All = [.. types];
    }

    public IReadOnlyList<DataType> All { get; }

    public bool IsEmpty => All.Count == 0;

    /// <summary>The type of a number; <see langword="null"/> when none is registered.</summary>
    public DataType? this[PathKind kind] => byKind[(int)kind];

    /// <summary>The type of the register at a path; <see langword="null"/> when none is registered for its number, or
    /// that one goes by another rule.</summary>
    public DataType? Of(FieldPath path) =>
        !IsEmpty && byKind[(int)path.Kind] is { } type && type.Rule == path.Rule ? type : null;
}
