using Crdt.Bench.LoadRuns;
using Crdt.Integration.Docs;

namespace Crdt.Server.Tests;

/// <summary>Clients of both kinds write through server processes that are killed; larger runs: <c>bench/Crdt.Bench load</c>.</summary>
[Collection(AloneCollection.Name)]
public sealed class LoadTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("crdt-load-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Nothing_that_was_acknowledged_is_lost_whichever_server_is_killed()
    {
        LoadReport report = await LoadRun.RunAsync(new LoadOptions
        {
            Program = Path.Combine(RepositoryRoot.Path, "src", "Crdt.Server", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "crdt-server.dll"),
            Directory = directory,
            ThinClients = 4,
            FullClients = 3,
            Duration = TimeSpan.FromSeconds(8),
            KillEvery = TimeSpan.FromSeconds(2),
            KillsMin = 2,
        });
        Assert.Empty(report.Losses);
        Assert.InRange(report.Kills, 2, int.MaxValue);
        Assert.Equal(4, report.Thin.Select(t => t.Key).Distinct().Count());
        Assert.Equal(3, report.Full.Select(f => f.Key).Distinct().Count());
        // At least one client waited through a server's death, and its mutation is there once.
        Assert.Contains(report.Thin, t => !t.IsUndisturbed);
    }
}
