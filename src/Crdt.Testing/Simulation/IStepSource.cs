namespace Crdt.Testing.Simulation;

/// <summary>Where the steps of a run come from.</summary>
internal interface IStepSource
{
    /// <summary>The next step; <see langword="null"/> when there is none.</summary>
    SimulationStep? Next(SimulationRun run);
}
