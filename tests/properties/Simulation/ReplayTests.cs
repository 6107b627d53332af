using Crdt.Testing.Simulation;

namespace Crdt.Properties;

/// <summary>What the simulator finds can be shrunk, kept in a file, and run again from it.</summary>
public class ReplayTests
{
    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Replays"), "*.json").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    /// <summary>Those of bugs that were mended must hold; those of planted bugs must still find them.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void A_kept_replay_ends_as_it_should(string file)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "Replays", file);
        SimulationResult result = SimulationReplay.Run(path);
        bool isPlanted = result.Options.Bug != PlantedBug.None;
        Assert.Equal(isPlanted ? SimulationReplay.FoundThen(path)!.Invariant : null, result.Violation?.Invariant);
    }

    [Fact]
    public void A_violation_is_shrunk_drawn_and_replayed_from_its_file()
    {
        var options = new SimulationOptions { Seed = 3, Replicas = 4, Operations = 300, Bug = PlantedBug.StoreForgets };
        SimulationResult found = Enumerable.Range(1, 20)
            .Select(seed => Simulation.Run(options with { Seed = (ulong)seed })).First(r => r.Violation is not null);
        SimulationReport report = SimulationReport.Create(found, TimeSpan.FromMinutes(3)); // it ends within a second or two, unless the machine is busy
        Assert.True(report.Steps < report.StepsBefore);
        Assert.InRange(report.Steps, 1, 20);
        Assert.Equal(found.Violation!.Invariant, report.Result.Violation!.Invariant);
        Assert.Contains(found.Violation.Invariant, report.Trace, StringComparison.Ordinal);
        System.Xml.Linq.XElement svg = System.Xml.Linq.XElement.Parse(report.Diagram);
        Assert.Contains(svg.Descendants(), e => e.Name.LocalName == "circle");

        string file = Path.GetTempFileName();
        File.WriteAllText(file, report.ReplayJson);
        SimulationResult again = SimulationReplay.Run(file);
        Assert.Equal(report.Result.Violation, again.Violation);
        Assert.Equal(report.Result.Hash, again.Hash);
        File.Delete(file);
    }

    [Fact]
    public void What_was_drawn_and_what_is_replayed_are_the_same_run()
    {
        var options = new SimulationOptions { Seed = 21, Replicas = 4, Operations = 400 };
        SimulationCase recorded = SimulationCase.Record(options, CancellationToken.None);
        ReplayFile file = ReplayFile.Parse(ReplayFile.Create(options, null, recorded).ToJson());
        Assert.Equal(Simulation.Run(options).Hash, file.Case.Run(options).Hash);
    }

    [Fact]
    public void Something_else_is_no_replay()
    {
        Assert.Throws<InvalidDataException>(() => ReplayFile.Parse("{}"));
        Assert.Throws<InvalidDataException>(() => ReplayFile.Parse("not json"));
        Assert.Throws<InvalidDataException>(() => ReplayFile.Parse("""{"format":2,"version":"","options":{},"case":{}}"""));
    }
}
