using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Crdt.Integration.Cli;

/// <summary>Many real processes on one machine, each with a replica, connected in circles.</summary>
public sealed class MeshProcessTests : CliTest
{
    private const int Processes = 20;

    [Fact]
    public async Task Twenty_processes_in_a_mesh_hold_the_same_and_none_gets_much_more_than_once()
    {
        string[] names = [.. Enumerable.Range(0, Processes).Select(i => $"p{i}")];
        await InitAsync(names[0], [.. names[1..], "writer", "reader"]);
        int[] ports = FreePorts(Processes);
        var random = new Random(5);
        var running = new List<(Process Process, Task<string> Output, Task<string> Error)>();
        for (int i = 0; i < Processes; i++)
        {
            await OkAsync(names[i], "put", $"d/t/own{i}", $"n={i}");
            // A ring holds it together; two more links each make circles.
            int[] peers = [(i + 1) % Processes, random.Next(Processes), random.Next(Processes)];
            string[] dialled = [.. peers.Where(p => p != i).Distinct().SelectMany(p => new[] { "--peer", $"127.0.0.1:{ports[p]}" })];
            Process process = CrdtProcess.Start(PathOf(names[i]), ["--json", "serve", "--plain", "--listen", $"127.0.0.1:{ports[i]}", .. dialled]);
            running.Add((process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()));
        }
        try
        {
            // Whoever comes by last sees what came in at the other end.
            await SyncUntilAsync("reader", ports[0], Processes);
            for (int round = 0; round < 5; round++)
            {
                await OkAsync("writer", "put", $"d/t/live{round}", "n=1");
                await SyncUntilAsync("writer", ports[(3 * round) % Processes], 0);
                await SyncUntilAsync("reader", ports[((3 * round) + 11) % Processes], Processes + round + 1);
            }
        }
        finally
        {
            foreach ((Process process, _, _) in running)
            {
                if (process.HasExited) continue;
                using (Process.Start("kill", ["-TERM", $"{process.Id}"])) await process.WaitForExitAsync().WaitAsync(Patience);
            }
        }
        long received = 0;
        foreach ((Process process, Task<string> output, Task<string> error) in running)
        {
            received += (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)
                .Where(e => e.TryGetProperty("bytes_received", out _)).Sum(e => e.GetProperty("bytes_received").GetInt64());
            Assert.True(process.ExitCode == 0, $"{process.ExitCode}: {await error}");
            process.Dispose();
        }
        JsonElement reader = await StatusAsync("reader");
        foreach (string name in names)
            Assert.Equal(reader.GetProperty("digest").GetString(), (await StatusAsync(name)).GetProperty("digest").GetString());
        // How much the tree saves MeshTreeTests holds in virtual time; on a busy machine it forms later, and links are silent.
        Assert.InRange(received, 1, 10_000_000);
    }

    private async Task SyncUntilAsync(string name, int port, long entities)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            CliResult result = await RunAsync(name, "sync", "--plain", $"127.0.0.1:{port}");
            if (result.ExitCode == 0 && (await StatusAsync(name)).GetProperty("entities").GetInt64() >= entities) return;
            await Task.Delay(20, patience.Token);
        }
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners) listener.Dispose();
        return ports;
    }
}
