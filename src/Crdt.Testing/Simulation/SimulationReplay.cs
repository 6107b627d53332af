namespace Crdt.Testing.Simulation;

/// <summary>Runs what a failing <see cref="Simulation"/> left behind: a file with every step. Kept in a test's folder it is
/// a test.</summary>
public static class SimulationReplay
{
    /// <summary>Runs a file.</summary>
    /// <param name="path">A file that <see cref="SimulationReport.WriteAsync"/> wrote.</param>
    /// <returns>How it ends now; <see cref="SimulationResult.Violation"/> is <see langword="null"/> once the bug is gone.</returns>
    /// <exception cref="InvalidDataException">The file is something else.</exception>
    public static SimulationResult Run(string path)
    {
        ReplayFile file = Read(path);
        return file.Case.Run(file.Options);
    }

    /// <summary>What was found when the file was written; <see langword="null"/> when nothing was.</summary>
    /// <exception cref="InvalidDataException">The file is something else.</exception>
    public static Violation? FoundThen(string path) => Read(path).Violation;

    internal static ReplayFile Read(string path) => ReplayFile.Parse(File.ReadAllText(path));
}
