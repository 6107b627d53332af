using System.Diagnostics;

namespace Crdt.Integration;

/// <summary>Programs beside .NET that some tests need.</summary>
public static class Component
{
    /// <summary>Whether a missing one is a failure, as where changes are accepted.</summary>
    public static bool IsRequired { get; } = Environment.GetEnvironmentVariable("CRDT_REQUIRE_COMPONENTS") is { Length: > 0 };

    // Debian keeps PostgreSQL's programs out of the path.
    private static string[] PostgresDirectories { get; } = Directory.Exists("/usr/lib/postgresql")
        ? [.. Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin"))] : [];

    /// <summary>Whether a program is in the path.</summary>
    public static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Concat(["/usr/sbin", "/sbin", .. PostgresDirectories]).Any(d => d.Length > 0 && File.Exists(Path.Combine(d, program)));

    /// <summary>Why a test that needs programs is skipped; <see langword="null"/> when it is not.</summary>
    public static string? ReasonToSkip(string[] programs)
    {
        string[] missing = [.. programs.Where(p => !Has(p))];
        return IsRequired || missing.Length == 0 ? null : $"Not installed here: {string.Join(", ", missing)}.";
    }

    /// <summary>Runs one to its end.</summary>
    /// <returns>Its exit code, and what it wrote.</returns>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] args)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token), error = process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, await output, await error);
    }
}

/// <summary>A test that needs programs beside .NET. Without them it is skipped, and says so; with CRDT_REQUIRE_COMPONENTS set
/// it runs, and fails.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ComponentFactAttribute : FactAttribute
{
    public ComponentFactAttribute(params string[] programs) => Skip = Component.ReasonToSkip(programs);

    /// <summary>Whether it needs to be root on Linux, too.</summary>
    public bool NeedsRoot
    {
        get;
        set
        {
            field = value;
            if (value && !Component.IsRequired && !(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess)) Skip = "Needs root, on Linux.";
        }
    }
}

/// <summary>A theory that needs programs beside .NET, as <see cref="ComponentFactAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ComponentTheoryAttribute : TheoryAttribute
{
    public ComponentTheoryAttribute(params string[] programs) => Skip = Component.ReasonToSkip(programs);
}
