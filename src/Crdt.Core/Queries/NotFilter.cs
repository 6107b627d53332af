namespace Crdt;

/// <summary>Something must not hold.</summary>
public sealed class NotFilter : EntityFilter
{
    internal NotFilter(EntityFilter part) => Part = part;

    /// <summary>What must not hold.</summary>
    public EntityFilter Part { get; }

    /// <inheritdoc/>
    public override bool Holds(Entity entity) => !Part.Holds(entity);

    /// <summary>As <see cref="EntityFilter.Parse"/> reads it.</summary>
    public override string ToString() => $"NOT ({Part})";
}
