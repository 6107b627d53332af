namespace Crdt.Testing.Simulation;

/// <summary>Ends a run: something does not hold.</summary>
internal sealed class ViolationException(string invariant, string law, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public string Invariant { get; } = invariant;

    public string Law { get; } = law;
}
