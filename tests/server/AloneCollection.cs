namespace Crdt.Server.Tests;

/// <summary>Tests that run while no other does: those that watch what the whole process shares, as meters are, or what the machine can do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "Alone";
}
