using System.Diagnostics;
using System.Net;
using Crdt.Store;

namespace Crdt.Bench.LoadRuns;

/// <summary>A server process, at the same addresses after each restart.</summary>
internal sealed class LoadServer(string program, string directory, IPEndPoint? peer) : IDisposable
{
    private const int StartsMax = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private Process? process;

    public string Directory => directory;

    /// <summary>Where GraphQL is answered.</summary>
    public string Address { get; private set; } = "http://127.0.0.1:0";

    /// <summary>Where devices replicate.</summary>
    public IPEndPoint Peers { get; private set; } = new(IPAddress.Loopback, 0);

    /// <summary>How often it was killed.</summary>
    public int Kills { get; private set; }

    /// <summary>What its issuer for development gives tokens for.</summary>
    public string Secret => File.ReadAllText(Path.Combine(Path.GetDirectoryName(NodeKeyFile.PathIn(directory))!, "dev-client.secret"));

    public async Task StartAsync()
    {
        // Somebody else may have taken the port for a moment.
        for (int attempt = 1; ; attempt++)
        {
            if (await TryStartAsync()) return;
            if (attempt == StartsMax) throw new InvalidOperationException($"The server in '{directory}' did not start.");
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    /// <summary>As a power cut would, but for what the system's cache still writes.</summary>
    public void Kill()
    {
        if (process is null) return;
        process.Kill();
        process.WaitForExit();
        process.Dispose();
        (process, Kills) = (null, Kills + 1);
    }

    public void Dispose() => Kill();

    private async Task<bool> TryStartAsync()
    {
        string[] line =
        [
            program, "--data", directory, "--space", "load", "--dev", "--http", Address, "--listen", $"{Peers}", "--stop-with-input", "--Logging:LogLevel:Default=None",
            "--Crdt:Access:SessionsNeedToken=true", "--Crdt:Limits:RequestsPerSecond=1000000", "--Crdt:Limits:RequestBurst=1000000",
            .. peer is null ? (string[])[] : [$"--Crdt:Peers:0={peer}"],
        ];
        process = Process.Start(new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", line)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        using var patience = new CancellationTokenSource(Patience);
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } said)
        {
            if (said.StartsWith("listening ", StringComparison.Ordinal)) Peers = IPEndPoint.Parse(said["listening ".Length..]);
            if (!said.StartsWith("http ", StringComparison.Ordinal)) continue;
            Address = said["http ".Length..];
            return true;
        }
        await process.WaitForExitAsync(patience.Token);
        process.Dispose();
        process = null;
        return false;
    }
}
