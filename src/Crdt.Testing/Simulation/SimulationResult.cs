namespace Crdt.Testing.Simulation;

/// <summary>How a <see cref="Simulation"/> ended.</summary>
/// <param name="Options">What was simulated.</param>
/// <param name="Figures">What the run did.</param>
/// <param name="Hash">A hash of every event of the run: equal for equal options, on every machine.</param>
/// <param name="Violation">What does not hold; <see langword="null"/> when everything does.</param>
public sealed record SimulationResult(
    SimulationOptions Options, SimulationFigures Figures, ulong Hash, Violation? Violation);
