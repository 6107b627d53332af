using System.Diagnostics;
using System.Text;
using System.Threading.Channels;

namespace Crdt.Integration.Discovery;

/// <summary>A program that runs beside a test, and what it prints.</summary>
internal sealed class Lines : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private readonly Channel<string> lines = Channel.CreateUnbounded<string>();
    private readonly StringBuilder all = new();

    public Lines(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public static Lines Start(IReadOnlyList<string> line, IReadOnlyDictionary<string, string>? environment = null, string? directory = null)
    {
        var start = new ProcessStartInfo(line[0], line.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? "",
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new Lines(Process.Start(start)!);
    }

    /// <summary>The next line that is the one.</summary>
    public async Task<string> WaitAsync(Func<string, bool> isIt, string what)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (true)
            {
                string line = await lines.Reader.ReadAsync(patience.Token);
                if (isIt(line)) return line;
            }
        }
        catch (OperationCanceledException)
        {
            lock (all) throw new TimeoutException($"Not within {Patience}: {what}. It printed:\n{all}");
        }
    }

    /// <summary>Asks it to end, as a person would, and waits.</summary>
    public async Task StopAsync()
    {
        using (Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) await kill.WaitForExitAsync();
        using var patience = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(patience.Token);
    }

    /// <summary>Ends it as a flat battery would.</summary>
    public void Kill() => process.Kill(entireProcessTree: true);

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (all) all.AppendLine(line);
        lines.Writer.TryWrite(line);
    }
}
