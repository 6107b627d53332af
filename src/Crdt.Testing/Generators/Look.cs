namespace Crdt.Testing;

/// <summary>Somebody looks at an entity: later edits may be based on what was seen.</summary>
/// <param name="At">Number of the replica.</param>
/// <param name="Entity">Number of the entity.</param>
public sealed record Look(int At, int Entity) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new Look({At}, {Entity})";
}
