namespace Crdt.Testing.Simulation;

/// <summary>What is made of a violation, for people: as few steps as still show it, as a readable trace, a space-time
/// diagram, and a file that runs it again.</summary>
public sealed class SimulationReport
{
    private SimulationReport(SimulationResult result, ReplayFile replay, int stepsBefore, int trials)
    {
        (Result, Replay, StepsBefore, Trials) = (result, replay, stepsBefore, trials);
        var recorder = new DiagramRecorder(replay.Case.Setup);
        replay.Case.Run(replay.Options, recorder);
        Trace = recorder.ToTrace(replay);
        Diagram = recorder.ToSvg(replay);
    }

    /// <summary>Version of this library, with its commit where that is known: what a seed belongs to.</summary>
    public static string Version => ReplayFile.CurrentVersion;

    /// <summary>How the shrunk case ends.</summary>
    public SimulationResult Result { get; }

    /// <summary>Number of steps before anything was left out.</summary>
    public int StepsBefore { get; }

    /// <summary>Number of steps that are left.</summary>
    public int Steps => Replay.Case.Steps.Count;

    /// <summary>How many runs it took to leave out the others.</summary>
    public int Trials { get; }

    /// <summary>The trace as text.</summary>
    public string Trace { get; }

    /// <summary>The space-time diagram as SVG.</summary>
    public string Diagram { get; }

    /// <summary>The replay as JSON, for <see cref="SimulationReplay"/>.</summary>
    public string ReplayJson => Replay.ToJson();

    internal ReplayFile Replay { get; }

    /// <summary>Shrinks a violation.</summary>
    /// <param name="result">A result with a violation.</param>
    /// <param name="limit">How much time shrinking may take.</param>
    /// <param name="onProgress">Told of the steps left and the runs made so far; may be <see langword="null"/>.</param>
    /// <param name="cancellationToken">Ends shrinking early; what was reached is reported.</param>
    /// <exception cref="ArgumentException">There is no violation.</exception>
    public static SimulationReport Create(
        SimulationResult result, TimeSpan limit, Action<int, int>? onProgress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Violation is not { } violation)
            throw new ArgumentException("There is no violation to report.", nameof(result));
        return Create(result.Options, violation, SimulationCase.Record(result.Options, CancellationToken.None), limit, onProgress, cancellationToken);
    }

    internal static SimulationReport Create(
        SimulationOptions options, Violation violation, SimulationCase found, TimeSpan limit, Action<int, int>? onProgress,
        CancellationToken cancellationToken)
    {
        var shrinker = new CaseShrinker(options, violation.Invariant, limit, cancellationToken);
        SimulationCase small = shrinker.Shrink(found, onProgress);
        SimulationResult result = small.Run(options, null, CancellationToken.None);
        ReplayFile replay = ReplayFile.Create(options, result.Violation ?? violation, small);
        return new SimulationReport(result, replay, found.Steps.Count, shrinker.Trials);
    }

    /// <summary>The report of a replay as it is, without shrinking it further.</summary>
    /// <exception cref="InvalidDataException">The file is something else.</exception>
    public static SimulationReport OfReplay(string path)
    {
        ReplayFile file = SimulationReplay.Read(path);
        SimulationResult result = file.Case.Run(file.Options);
        return new SimulationReport(result, file with { Violation = result.Violation }, file.Case.Steps.Count, 0);
    }

    /// <summary>Writes trace, diagram and replay into a directory, which is made when it is missing.</summary>
    /// <returns>The files.</returns>
    public async Task<IReadOnlyList<string>> WriteAsync(string directory, CancellationToken cancellationToken = default)
    {
        Directory.CreateDirectory(directory);
        string name = Path.Combine(directory, $"{Replay.Violation?.Invariant ?? "run"}-{Replay.Options.Seed}");
        (string Path, string Text)[] files = [($"{name}.txt", Trace), ($"{name}.svg", Diagram), ($"{name}.json", ReplayJson)];
        foreach ((string path, string text) in files)
            await File.WriteAllTextAsync(path, text, cancellationToken).ConfigureAwait(false);
        return [.. files.Select(f => f.Path)];
    }
}
