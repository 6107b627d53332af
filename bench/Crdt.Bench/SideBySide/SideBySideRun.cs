using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Crdt.Bench.SideBySide;

/// <summary>The shared workloads on this library, each step in a process of its own; the results have the form of the other
/// systems' runners, so that one table shows all.</summary>
internal static class SideBySideRun
{
    private const string Mark = "@@";

    private static readonly (string Name, Action<Rows> Work)[] Steps =
    [
        ("w1", WriteWork.Run), ("w2", ApplyWork.Run), ("w3", SizeWork.Run), ("w4", MergeWork.Run), ("w5", SyncWork.Run),
        ("w6", LoadWork.Run), ("w7", ChurnWork.Run), ("disk", DiskWork.Run),
        ("open", OpenWork.Run), ("tls", OverTlsWork.Run),
    ];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <param name="folder">Where <c>crdt.json</c> is written.</param>
    /// <param name="only">The steps wanted; none for all.</param>
    public static int Run(string folder, IReadOnlyList<string> only)
    {
        var started = Stopwatch.StartNew();
        JsonArray rows = [], calibrations = [], failures = [];
        foreach ((string name, _) in Steps)
        {
            if (only.Count > 0 && !only.Contains(name)) continue;
            long start = Stopwatch.GetTimestamp();
            if (RunChild(name, out string error) is { } found)
            {
                foreach (JsonNode? row in found["rows"]!.AsArray()) rows.Add(row!.DeepClone());
                foreach (JsonNode? one in found["calibration"]!.AsArray()) calibrations.Add(one!.DeepClone());
            }
            else failures.Add(new JsonObject { ["work"] = name, ["why"] = error });
            Console.WriteLine($"crdt {name}: {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s {error}");
        }
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "crdt.json"), new JsonObject
        {
            ["system"] = "crdt",
            ["package"] = "Crdt",
            ["version"] = typeof(Replica).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["seconds"] = Math.Round(started.Elapsed.TotalSeconds),
            ["calibration"] = calibrations,
            ["failures"] = failures,
            ["rows"] = rows,
        }.ToJsonString(Indented) + "\n");
        return failures.Count;
    }

    /// <summary>One step, in this process.</summary>
    public static void RunStep(string name)
    {
        var rows = new Rows();
        rows.Calibrate();
        Steps.Single(s => s.Name == name).Work(rows);
        rows.Calibrate();
        Console.WriteLine(Mark + rows.ToJson().ToJsonString());
    }

    /// <summary>Starts this program again with other arguments, and returns what it printed.</summary>
    public static string Start(out string error, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(typeof(SideBySideRun).Assembly.Location);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        error = errors.GetAwaiter().GetResult();
        return output;
    }

    private static JsonNode? RunChild(string name, out string error)
    {
        string? line = Start(out error, "workload", name).Split('\n').FirstOrDefault(static l => l.StartsWith(Mark, StringComparison.Ordinal));
        return line is null ? null : JsonNode.Parse(line[Mark.Length..]);
    }
}
