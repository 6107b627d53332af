namespace Crdt.Testing;

/// <summary>One edit of a schedule; a resolve takes the conflict of that number, and a sibling of it if it has no
/// operation.</summary>
/// <param name="Kind">What it is meant as.</param>
/// <param name="Entity">Number of the entity, or of the conflict.</param>
/// <param name="AsSeen">Whether it is based on what was last looked at there, not on the present state.</param>
/// <param name="Ops">Its steps, in order.</param>
public sealed record Edit(EditIntent Kind, int Entity, bool AsSeen, params Op[] Ops)
{
    /// <summary>Which servers refuse it: bit 0 stands for the first.</summary>
    public int RefusedBy { get; init; }

    /// <summary>The code that makes it.</summary>
    public override string ToString() =>
        $"new Edit(EditIntent.{Kind}, {Entity}, {(AsSeen ? "true" : "false")}{string.Concat(Ops.Select(o => $", {o}"))})"
        + (RefusedBy == 0 ? "" : $" {{ RefusedBy = {RefusedBy} }}");
}
