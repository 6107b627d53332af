namespace Crdt;

/// <summary>Every part must hold.</summary>
public sealed class AllFilter : EntityFilter
{
    internal AllFilter(IReadOnlyList<EntityFilter> parts) => Parts = parts;

    /// <summary>The parts.</summary>
    public IReadOnlyList<EntityFilter> Parts { get; }

    /// <inheritdoc/>
    public override bool Holds(Entity entity)
    {
        foreach (EntityFilter part in Parts)
        {
            if (!part.Holds(entity)) return false;
        }
        return true;
    }

    /// <summary>As <see cref="EntityFilter.Parse"/> reads it.</summary>
    public override string ToString() => $"({string.Join(" AND ", Parts)})";
}
