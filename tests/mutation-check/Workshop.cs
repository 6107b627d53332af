using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Crdt.MutationCheck;

/// <summary>A copy of the sources in which bugs are planted, one at a time; the repository itself is left alone.</summary>
internal sealed partial class Workshop(string root, string copy)
{
    private const string Tests = "tests/properties/Crdt.Properties.csproj", Output = "tests/properties/bin/Release/net10.0";

    private static readonly string[] Quickly =
    [
        "-c", "Release", "-p:TreatWarningsAsErrors=false", "-p:RunAnalyzers=false", "-p:GenerateDocumentationFile=false",
        "-clp:ErrorsOnly", "--nologo",
    ];

    private static readonly string[] Needed =
        ["src/Crdt.Core", "src/Crdt.Store", "src/Crdt.Testing", "tests/properties", "bench/Crdt.Bench/Workloads", "docs"];

    private readonly string temporary = Path.Combine(copy, "tmp");

    // What stands in the copy without the bug: the repository may change while this runs.
    private readonly Dictionary<string, string> originals = [];

    /// <summary>Copies what is needed to build and run the laws: only what differs from what stands there from an earlier
    /// time, of which nothing stays that the repository does not have any more.</summary>
    public void Prepare()
    {
        foreach (string file in Directory.GetFiles(root)) Copy(file);
        foreach (string file in Sources(copy))
        {
            if (!File.Exists(Path.Combine(root, Path.GetRelativePath(copy, file)))) File.Delete(file);
        }
        foreach (string file in Sources(root)) Copy(file);
    }

    private static IEnumerable<string> Sources(string from) => Needed.Select(n => Path.Combine(from, n)).Where(Directory.Exists)
        .SelectMany(n => Directory.GetFiles(n, "*", SearchOption.AllDirectories))
        .Where(f => !Path.GetRelativePath(from, f).Split(Path.DirectorySeparatorChar).Any(p => p is "bin" or "obj"));

    /// <summary>Puts the bug in its place.</summary>
    /// <exception cref="InvalidDataException">The text is not there, or more than once: the list is out of date.</exception>
    public void Plant(PlantedBug bug)
    {
        string place = Path.Combine(copy, bug.File);
        string source = originals[bug.File] = File.Exists(place) ? File.ReadAllText(place) : "";
        int count = Count(source, bug.Before);
        if (count != 1)
            throw new InvalidDataException($"{bug.Name}: its text stands {count} times in {bug.File}, not once. Bring the list up to date.");
        File.WriteAllText(place, source.Replace(bug.Before, bug.After, StringComparison.Ordinal));
    }

    public void Heal(PlantedBug bug)
    {
        if (originals.Remove(bug.File, out string? source) && source.Length > 0)
            File.WriteAllText(Path.Combine(copy, bug.File), source);
    }

    /// <summary>Builds everything.</summary>
    /// <returns>What the compiler objected to; empty when it built.</returns>
    public string BuildAll()
    {
        (int exitCode, string output) = Run(null, ["build", Tests, .. Quickly]);
        return exitCode == 0 ? "" : output;
    }

    /// <summary>Builds the assembly that the bug stands in, and lays it beside the tests: these need no building again.</summary>
    /// <returns>What the compiler objected to; empty when it built.</returns>
    public string Build(PlantedBug bug)
    {
        string[] parts = bug.File.Split('/');
        (int exitCode, string output) = Run(
            null, ["build", $"{parts[0]}/{parts[1]}/{parts[1]}.csproj", "--no-restore", "--no-dependencies", .. Quickly]);
        if (exitCode != 0) return output;
        string assembly = $"{parts[1]}.dll";
        File.Copy(Path.Combine(copy, parts[0], parts[1], "bin", "Release", "net10.0", assembly),
            Path.Combine(copy, Output, assembly), overwrite: true);
        return "";
    }

    /// <summary>Runs tests.</summary>
    /// <param name="filter">As for <c>dotnet test</c>; all when empty.</param>
    /// <param name="cases">By how much the number of cases is multiplied.</param>
    /// <returns>The names of those that failed; one of its own where the run itself did not end.</returns>
    public IReadOnlyList<string> Test(string filter, string cases)
    {
        List<string> arguments = ["test", $"{Output}/Crdt.Properties.dll", "--nologo"];
        if (filter.Length > 0) arguments.AddRange(["--filter", filter]);
        (int exitCode, string output) = Run(cases, [.. arguments]);
        if (exitCode == 0) return Passed().IsMatch(output) ? [] : throw new InvalidDataException($"No test ran for '{filter}'.");
        string[] failed = [.. Failed().Matches(output).Select(m => m.Groups[1].Value).Distinct()];
        return failed.Length > 0 ? failed : ["(the run came to no end)"];
    }

    /// <param name="cases">By how much the number of cases is multiplied; for tests.</param>
    /// <param name="arguments">For <c>dotnet</c>.</param>
    private (int ExitCode, string Output) Run(string? cases, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = copy,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (cases is not null) start.Environment["CRDT_PROPERTY_CASES"] = cases;
        // Each call of the SDK leaves two empty directories where temporary files go.
        start.Environment["TMPDIR"] = Directory.CreateDirectory(temporary).FullName;
        using Process process = Process.Start(start)!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        // A bug may well make a test wait for ever.
        if (!process.WaitForExit(TimeSpan.FromMinutes(10))) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        foreach (string left in Directory.GetDirectories(temporary).Where(static d => !Directory.EnumerateFileSystemEntries(d).Any())) Directory.Delete(left);
        return (process.ExitCode, output.GetAwaiter().GetResult());
    }

    private void Copy(string file)
    {
        string target = Path.Combine(copy, Path.GetRelativePath(root, file));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (!File.Exists(target) || !File.ReadAllBytes(target).AsSpan().SequenceEqual(File.ReadAllBytes(file)))
            File.Copy(file, target, overwrite: true);
    }

    private static int Count(string text, string part)
    {
        int count = 0;
        for (int at = text.IndexOf(part, StringComparison.Ordinal); at >= 0;
            at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal)) count++;
        return count;
    }

    [GeneratedRegex(@"^\s+Failed (?:Crdt\.Properties\.)?(\S+)", RegexOptions.Multiline)]
    private static partial Regex Failed();

    [GeneratedRegex(@"Passed:\s+[1-9]")]
    private static partial Regex Passed();
}
