namespace Crdt;

/// <summary>One part must hold.</summary>
public sealed class AnyFilter : EntityFilter
{
    internal AnyFilter(IReadOnlyList<EntityFilter> parts) => Parts = parts;

    /// <summary>The parts.</summary>
    public IReadOnlyList<EntityFilter> Parts { get; }

    /// <inheritdoc/>
    public override bool Holds(Entity entity)
    {
        foreach (EntityFilter part in Parts)
        {
            if (part.Holds(entity)) return true;
        }
        return false;
    }

    /// <summary>As <see cref="EntityFilter.Parse"/> reads it.</summary>
    public override string ToString() => Parts.Count == 0 ? "$.id IN ()" : $"({string.Join(" OR ", Parts)})";
}
