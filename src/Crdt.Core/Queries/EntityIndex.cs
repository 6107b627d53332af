namespace Crdt;

/// <summary>An index over one field of the entities of a type: entities are found, and read in order, by what is visible
/// there.</summary>
/// <param name="Domain">The domain.</param>
/// <param name="Type">The type.</param>
/// <param name="Field">The field, or a member of it, by names alone.</param>
public sealed record EntityIndex(string Domain, string Type, FieldPath Field)
{
    /// <summary>The order of domain, type and field.</summary>
    public static IComparer<EntityIndex> Order { get; } = Comparer<EntityIndex>.Create(static (a, b) =>
    {
        int order = string.CompareOrdinal(a.Domain, b.Domain);
        if (order == 0) order = string.CompareOrdinal(a.Type, b.Type);
        return order != 0 ? order : a.Field.CompareTo(b.Field);
    });

    /// <summary>As in <c>incident/strike: address/city</c>.</summary>
    public override string ToString() => $"{Domain}/{Type}: {Field}";
}
