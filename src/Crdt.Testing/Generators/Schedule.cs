namespace Crdt.Testing;

/// <summary>What happens to a team, step by step. Its text is the code that makes it: a shrunk failure becomes a named
/// test by pasting it. <see cref="World"/> lives through it.</summary>
/// <param name="Devices">Number of devices; server-role replicas come after them.</param>
/// <param name="Steps">In order. Replicas, entities and conflicts are counted modulo how many there are.</param>
public sealed record Schedule(int Devices, params Step[] Steps)
{
    /// <summary>Number of replicas in the server role, behind the devices.</summary>
    public int Servers { get; init; } = 1;

    /// <summary>The code that makes it.</summary>
    public override string ToString() =>
        $"new Schedule({Devices}{string.Concat(Steps.Select(s => $",\n    {s}"))})"
        + (Servers == 1 ? "" : $" {{ Servers = {Servers} }}");
}
