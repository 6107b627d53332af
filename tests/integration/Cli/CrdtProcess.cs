using System.Diagnostics;

namespace Crdt.Integration.Cli;

/// <summary>The tool as a process of its own.</summary>
public static class CrdtProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Starts a command on a replica's directory.</summary>
    public static Process Start(string data, params string[] args) => Start([], data, args);

    /// <summary>The same, run by another program, such as <c>ip netns exec</c>.</summary>
    public static Process Start(string[] by, string data, params string[] args)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] line = [.. by, dotnet, Path.Combine(AppContext.BaseDirectory, "crdt.dll"), "--data", data, .. args];
        var start = new ProcessStartInfo(line[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in line[1..]) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Where <c>crdt serve</c> listens.</summary>
    public static async Task<string> AddressOfAsync(Process server)
    {
        using var patience = new CancellationTokenSource(Patience);
        string? first = await server.StandardOutput.ReadLineAsync(patience.Token);
        Assert.StartsWith("listening ", first);
        return first!["listening ".Length..];
    }
}
