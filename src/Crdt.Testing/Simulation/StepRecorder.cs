namespace Crdt.Testing.Simulation;

/// <summary>Keeps the steps that another source gives.</summary>
internal sealed class StepRecorder(IStepSource source) : IStepSource
{
    public List<SimulationStep> Steps { get; } = [];

    public SimulationStep? Next(SimulationRun run)
    {
        SimulationStep? step = source.Next(run);
        if (step is not null) Steps.Add(step);
        return step;
    }
}
