namespace Crdt.Testing.Simulation;

/// <summary>Steps that were drawn before.</summary>
internal sealed class StepList(IReadOnlyList<SimulationStep> steps) : IStepSource
{
    private int next;

    public SimulationStep? Next(SimulationRun run) => next < steps.Count ? steps[next++] : null;
}
