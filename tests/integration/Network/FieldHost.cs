using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Crdt.Integration.Cli;

namespace Crdt.Integration.Network;

/// <summary><c>crdt serve</c> on a host of its own, and what it has printed.</summary>
public sealed class FieldHost(NetworkNamespaces network, int number, string data) : IDisposable
{
    private const int Port = 7370;

    private readonly ConcurrentQueue<JsonElement> events = new();
    private Process? process;
    private Task reading = Task.CompletedTask;

    public int Number => number;

    public string Data => data;

    /// <summary>What it holds, as it said last.</summary>
    public string? Vector { get; private set; }

    /// <summary>Everything that it said since it was started.</summary>
    public IReadOnlyCollection<JsonElement> Events => events;

    /// <summary>What went wrong with reading what it says.</summary>
    public string? Trouble => reading.Exception is { } error ? $"{error}"
        : process is { HasExited: true } ended ? $"It ended with {ended.ExitCode}: {ended.StandardError.ReadToEnd()}" : null;

    /// <summary>How often a connection was made.</summary>
    public int Connections => events.Count(e => KindOf(e) == "connected");

    /// <summary>How often one was lost because nothing came any more.</summary>
    public int Lost => events.Count(e => KindOf(e) == "disconnected");

    /// <summary>Starts it; it dials the others.</summary>
    public async Task StartAsync(params int[] dialled)
    {
        events.Clear();
        Vector = null;
        process = CrdtProcess.Start(network.By(number), data,
            ["--json", "serve", "--watch", "--no-discovery", "--listen", $"0.0.0.0:{Port}", .. dialled.SelectMany(d => new[] { "--peer", $"{NetworkNamespaces.AddressOf(d)}:{Port}" })]);
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        reading = ReadAsync(process, listening);
        if (await Task.WhenAny(listening.Task, Task.Delay(TimeSpan.FromSeconds(30))) == listening.Task) return;
        Assert.Fail($"Host {number} does not listen: {await ErrorAsync()}");
    }

    /// <summary>Ends it as a power cut would.</summary>
    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync();
        await reading;
        process.Dispose();
        process = null;
    }

    /// <summary>Ends it as SIGTERM does.</summary>
    public async Task StopAsync()
    {
        using (Process.Start("kill", ["-TERM", $"{process!.Id}"])) await process.WaitForExitAsync();
        await reading;
        Assert.Equal(0, process.ExitCode);
        process.Dispose();
        process = null;
    }

    public void Dispose()
    {
        if (process is null) return;
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private async Task<string> ErrorAsync()
    {
        process!.Kill();
        return await process.StandardError.ReadToEndAsync();
    }

    private async Task ReadAsync(Process from, TaskCompletionSource listening)
    {
        while (await from.StandardOutput.ReadLineAsync() is { } line)
        {
            JsonElement said = JsonDocument.Parse(line).RootElement;
            if (said.TryGetProperty("listening", out _)) listening.TrySetResult();
            else if (KindOf(said) == "holds") Vector = said.GetProperty("vector").GetRawText();
            else events.Enqueue(said);
        }
    }

    private static string? KindOf(JsonElement said) => said.TryGetProperty("event", out JsonElement kind) ? kind.GetString() : null;
}
