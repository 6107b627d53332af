using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Testing.Simulation;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt simulate</c>: teams of real replicas on simulated networks, clocks and disks, from a seed.</summary>
internal static class SimulateCommand
{
    private static readonly Option<int> Replicas = new("--replicas", "-r")
    {
        HelpName = "N",
        Description = "How many replicas, 2 to 64.",
        DefaultValueFactory = _ => 5,
        CustomParser = result => (int)CommonOptions.WholeNumber(result, 2, SimulationOptions.ReplicasMax),
    };

    private static readonly Option<int?> Servers = new("--servers")
    {
        HelpName = "N",
        Description = "How many of them are in the server role. Default: by the seed, none to three.",
        CustomParser = result => (int)CommonOptions.WholeNumber(result, 0, SimulationOptions.ReplicasMax),
    };

    private static readonly Option<long> Operations = new("--operations", "-n")
    {
        HelpName = "N",
        Description = "How many mutations are written.",
        DefaultValueFactory = _ => 10_000,
        CustomParser = result => CommonOptions.WholeNumber(result, 1, long.MaxValue),
    };

    private static readonly Option<Fault> Faults = new("--faults", "-f")
    {
        HelpName = "all|none|NAME,…",
        Description = $"What may go wrong: {string.Join(", ", FaultNames().Select(f => f.Name))}.",
        DefaultValueFactory = _ => Fault.All,
        CustomParser = result =>
        {
            var faults = Fault.None;
            foreach (string name in CommonOptions.Single(result).Split(',', StringSplitOptions.TrimEntries))
            {
                if (name is "none") continue;
                if (name is "all") faults |= Fault.All;
                else if (FaultNames().FirstOrDefault(f => f.Name == name) is (not Fault.None, _) known) faults |= known.Fault;
                else result.AddError($"'{name}' is no fault: all, none, {string.Join(", ", FaultNames().Select(f => f.Name))}.");
            }
            return faults;
        },
    };

    private static readonly Option<bool?> Attachments = new("--attachments")
    {
        HelpName = "true|false",
        Description = "Whether people attach content, which travels behind the mutations. Default: by the seed, in every third run of up to 50,000.",
    };

    private static readonly Option<Topology?> Links = CommonOptions.Named<Topology>(
        "--topology", "Who can reach whom. Default: by the seed.");

    private static readonly Option<PlantedBug?> Bug = CommonOptions.Named<PlantedBug>(
        "--plant", "A defect to put in, to see it found.");

    private static readonly Option<ulong> Seed = new("--seed", "-s")
    {
        HelpName = "N",
        Description = "Everything is drawn from it: equal seeds and options give equal runs.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int> Seeds = new("--seeds", "-k")
    {
        HelpName = "K",
        Description = "How many seeds, one after the other.",
        DefaultValueFactory = _ => 1,
        CustomParser = result => (int)CommonOptions.WholeNumber(result, 1, int.MaxValue),
    };

    private static readonly Option<string> Out = new("--out", "-o")
    {
        HelpName = "DIR",
        Description = "Where trace, diagram and replay of a violation go.",
        DefaultValueFactory = _ => ".",
    };

    private static readonly Option<string?> Replay = new("--replay")
    {
        HelpName = "FILE",
        Description = "Runs what a violation left behind, and nothing else.",
    };

    private static readonly Option<int> Shrinking = new("--shrink")
    {
        HelpName = "S",
        Description = "Seconds to look for fewer steps that still show a violation; 0 keeps them all.",
        DefaultValueFactory = _ => 120,
        CustomParser = result => (int)CommonOptions.WholeNumber(result, 0, 1_000_000),
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("simulate", "Runs teams of real replicas in virtual time on simulated networks, clocks and disks where "
            + "everything goes wrong that can, and checks that nothing is lost and all converge. Exit code 8 when "
            + "something does not hold.")
        {
            Replicas, Servers, Operations, Faults, Attachments, Links, Seed, Seeds, Bug, Out, Replay, Shrinking,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        if (context.Parsed.GetValue(Replay) is { } file) return await ReplayAsync(context, file);
        ulong first = context.Parsed.GetValue(Seed);
        int seeds = context.Parsed.GetValue(Seeds);
        for (int i = 0; i < seeds; i++)
        {
            var options = new SimulationOptions
            {
                Seed = unchecked(first + (ulong)i),
                Replicas = context.Parsed.GetValue(Replicas),
                Servers = context.Parsed.GetValue(Servers),
                Operations = context.Parsed.GetValue(Operations),
                Faults = context.Parsed.GetValue(Faults),
                Topology = context.Parsed.GetValue(Links),
                Attachments = context.Parsed.GetValue(Attachments),
                Bug = context.Parsed.GetValue(Bug) ?? PlantedBug.None,
            };
            long started = Stopwatch.GetTimestamp();
            SimulationResult result;
            try
            {
                result = await context.Output.ProgressAsync($"Seed {options.Seed}", report => Task.FromResult(Simulation.Run(
                    options, f => report((double)f.Mutations / options.Operations, Note(f)), context.Cancellation)));
            }
            catch (ArgumentOutOfRangeException e)
            {
                throw CliException.Usage(e);
            }
            Report(context.Output, result, Stopwatch.GetElapsedTime(started));
            context.Output.Flush();
            if (result.Violation is not null) return await ExplainAsync(context, result);
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ExplainAsync(CliContext context, SimulationResult result)
    {
        var limit = TimeSpan.FromSeconds(context.Parsed.GetValue(Shrinking));
        SimulationReport report = await context.Output.ProgressAsync("Shrinking", told => Task.FromResult(SimulationReport.Create(
            result, limit, (steps, trials) => told(0, $"{Shown.Count(steps, "step")} after {Shown.Count(trials, "run")}"), context.Cancellation)));
        context.Output.Note($"{Shown.Number(report.StepsBefore)} steps, of which {Shown.Number(report.Steps)} are needed ({Shown.Count(report.Trials, "run")}).");
        await WriteAsync(context, report);
        return ExitCode.Violation;
    }

    private static async Task<ExitCode> ReplayAsync(CliContext context, string file)
    {
        SimulationReport report;
        try
        {
            report = SimulationReport.OfReplay(file);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"'{file}' cannot be replayed: {e.Message}", inner: e);
        }
        Report(context.Output, report.Result, TimeSpan.Zero);
        if (report.Result.Violation is null) return ExitCode.Ok;
        if (context.Parsed.GetResult(Out) is { Implicit: false }) await WriteAsync(context, report);
        return ExitCode.Violation;
    }

    private static async Task WriteAsync(CliContext context, SimulationReport report)
    {
        foreach (string path in await report.WriteAsync(context.Parsed.GetRequiredValue(Out), CancellationToken.None))
            context.Output.Note($"Wrote {path}");
    }

    private static string Note(SimulationFigures figures) =>
        $"{Shown.Count(figures.Mutations, "mutation")}, {Shown.Number(figures.Events)} events, {Shown.Number(figures.Crashes)} crashes";

    private static void Report(CliOutput output, SimulationResult result, TimeSpan time)
    {
        SimulationFigures f = result.Figures;
        if (output.IsJson)
        {
            output.Json(w =>
            {
                w.WriteNumber("seed", result.Options.Seed);
                w.WriteString("hash", Hash(result));
                foreach ((string name, object value) in Figures(f)) w.WriteNumber(name, Convert.ToDecimal(value, CultureInfo.InvariantCulture));
                w.WriteNumber("seconds", Math.Round(time.TotalSeconds, 3));
                w.WriteString("violation", result.Violation?.Invariant);
                w.WriteString("message", result.Violation?.Message);
            });
            return;
        }
        output.Facts(
            ("seed", $"{result.Options.Seed}"),
            ("written", $"{Shown.Count(f.Mutations, "mutation")} in {Shown.Count(f.Commits, "transaction")}; {Shown.Number(f.Rejected)} did not fit"),
            ("applied", $"{Shown.Number(f.Applied)} at the other replicas"),
            ("network", $"{Shown.Count(f.Sessions, "session")}, {Shown.Count(f.Messages, "message")}, {Shown.Bytes(f.Bytes)}"),
            ("links", $"{Shown.Number(f.Cuts)} cut, {Shown.Count(f.Partitions, "partition")}, {Shown.Number(f.Outages - f.Partitions)} stalled, {Shown.Number(f.Duplicates)} twice at a time, {Shown.Number(f.SlowSessions)} slow, {Shown.Count(f.StaleRuns, "run")} handed over beside them"),
            ("processes", $"{Shown.Count(f.Crashes, "crash", "crashes")}, {Shown.Number(f.TornWrites)} of them in a write; {Shown.Count(f.FullDisks, "full disk")}, {Shown.Count(f.FailedWrites, "failed write")}"),
            ("clocks", $"{Shown.Number(f.ClockJumps)} set, {Shown.Number(f.ClockDrifts)} going at another speed"),
            ("servers", $"{Shown.Count(f.Refusals, "refusal")}, {Shown.Count(f.Handled, "decision")} about them, {Shown.Count(f.Snapshots, "snapshot")}, {Shown.Count(f.Prunings, "log")} pruned, {Shown.Count(f.Joins, "snapshot")} joined, {Shown.Count(f.Purged, "entity", "entities")} purged"),
            ("ids", $"{Shown.Number(f.Restored)} restored, {Shown.Number(f.Cloned)} cloned, {Shown.Number(f.Retired)} retired"),
            ("attachments", $"{Shown.Count(f.Attached, "field")} set to one, {Shown.Bytes(f.BlobBytes)} of them sent, {Shown.Number(f.Evicted)} evicted, {Shown.Number(f.Collected)} dropped; {Shown.Count(f.Overtaken, "commit")} that none held up"),
            ("checked", $"{Shown.Count(f.Checks, "entity", "entities")} compared with the model, {Shown.Number(f.Reads)} as they are read, {Shown.Count(f.Quiescences, "time")} everything, after at most {Shown.Count(f.SessionsToHeal, "session")}"),
            ("time", $"{Shown.Number((long)f.VirtualSeconds)} virtual seconds in {Shown.Seconds(time)}"),
            ("hash", Hash(result)));
        if (result.Violation is { } violation)
        {
            output.Warn($"{violation.Invariant} {violation.Law} at step {violation.Step}: {violation.Message}");
            output.Warn($"Seed {result.Options.Seed}, version {SimulationReport.Version}.");
        }
        else
        {
            output.Line("No violation.");
        }
    }

    private static string Hash(SimulationResult result) => result.Hash.ToString("x16", CultureInfo.InvariantCulture);

    private static IEnumerable<(string Name, object Value)> Figures(SimulationFigures figures) =>
        typeof(SimulationFigures).GetProperties().Select(p =>
            (System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name), p.GetValue(figures)!));

    private static IEnumerable<(Fault Fault, string Name)> FaultNames() => Enum.GetValues<Fault>()
        .Where(f => f is not Fault.None and not Fault.All)
        .Select(f => (f, System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(f.ToString())));
}
