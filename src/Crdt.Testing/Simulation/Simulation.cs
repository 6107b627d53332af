using System.Diagnostics;

namespace Crdt.Testing.Simulation;

/// <summary>A whole team of real replicas and real sessions on simulated networks, clocks and disks, in virtual time, from
/// one seed.</summary>
/// <remarks>One thread, no wall clock, no other randomness: a run repeats to the byte. Laws: 1, 2, 4, 8, 10, 12, 14, 15.</remarks>
public static class Simulation
{
    // Every change is compared with the model up to here.
    private const long CheckedOperationsMax = 10_000;

    /// <summary>Runs a simulation to its end, or to the first violation.</summary>
    /// <param name="options">What is simulated.</param>
    /// <param name="onProgress">Is told now and then how far it is, on this thread; may be <see langword="null"/>.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static SimulationResult Run(
        SimulationOptions options, Action<SimulationFigures>? onProgress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        SimulationSetup setup = SimulationSetup.Draw(options);
        var run = new SimulationRun(setup, CheckEvery(options), new StepGenerator(options, setup));
        Violation? violation = Run(run, onProgress, cancellationToken);
        return new SimulationResult(options, run.Figures, run.Hash, violation);
    }

    internal static int CheckEvery(SimulationOptions options) =>
        options.CheckEvery ?? (int)Math.Max(1, options.Operations / CheckedOperationsMax);

    /// <summary>Takes all steps.</summary>
    /// <returns>What does not hold, if anything.</returns>
    internal static Violation? Run(
        SimulationRun run, Action<SimulationFigures>? onProgress, CancellationToken cancellationToken)
    {
        try
        {
            run.Run(onProgress, cancellationToken);
            return null;
        }
        catch (ViolationException e)
        {
            return new Violation(e.Invariant, e.Law, e.Message, run.Figures.Steps, run.NowUs / 1e3);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever else comes out of the engine: no step may make it fail.
            return new Violation("exception", "", Describe(e), run.Figures.Steps, run.NowUs / 1e3);
        }
    }

    /// <summary>What it was and where it came from, without the paths of the machine that it happened on.</summary>
    private static string Describe(Exception e)
    {
        const int FramesTold = 6;
        IEnumerable<string> frames = new StackTrace(e, fNeedFileInfo: false).GetFrames().Take(FramesTold)
            .Select(f => f.GetMethod()).Select(m => $"{m?.DeclaringType?.Name}.{m?.Name}");
        return $"{e.GetType().Name}: {e.Message} (in {string.Join(" < ", frames)})";
    }
}
