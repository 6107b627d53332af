namespace Crdt.Testing.Simulation;

/// <summary>A run as data: who takes part, and what happens to them.</summary>
/// <param name="Setup">Who takes part.</param>
/// <param name="CheckEvery">As <see cref="SimulationOptions.CheckEvery"/>.</param>
/// <param name="Steps">What happens.</param>
internal sealed record SimulationCase(SimulationSetup Setup, int CheckEvery, IReadOnlyList<SimulationStep> Steps)
{
    /// <summary>Draws the steps once more, up to where the run ends.</summary>
    public static SimulationCase Record(SimulationOptions options, CancellationToken cancellationToken)
    {
        SimulationSetup setup = SimulationSetup.Draw(options);
        var recorder = new StepRecorder(new StepGenerator(options, setup));
        int every = Simulation.CheckEvery(options);
        Simulation.Run(new SimulationRun(setup, every, recorder), null, cancellationToken);
        return new SimulationCase(setup, every, recorder.Steps);
    }

    /// <summary>Runs it.</summary>
    public SimulationResult Run(
        SimulationOptions options, ISimulationListener? listener = null, CancellationToken cancellationToken = default)
    {
        var run = new SimulationRun(Setup, CheckEvery, new StepList(Steps)) { Listener = listener };
        Violation? violation = Simulation.Run(run, null, cancellationToken);
        return new SimulationResult(options, run.Figures, run.Hash, violation);
    }
}
