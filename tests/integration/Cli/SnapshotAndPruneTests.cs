namespace Crdt.Integration.Cli;

public sealed class SnapshotAndPruneTests : CliTest
{
    [Fact]
    public async Task A_server_makes_a_snapshot_drops_its_log_and_serves_newcomers_from_it()
    {
        await InitAsync("a", "server", "late");
        (await RunAsync("a", "snapshot")).Failed(6, "client role");
        Assert.Equal("noSnapshot", (await OkAsync("a", "--json", "prune")).Json.GetProperty("outcome").GetString());
        await OkAsync("a", "put", "incident/strike/1", "x=1");
        await OkAsync("a", "put", "incident/strike/1", "x=2", "y=3");
        await SyncAsync("a", "server");

        var made = (await OkAsync("server", "--json", "snapshot")).Json;
        Assert.Equal((await StatusAsync("server")).GetProperty("digest").GetString(), made.GetProperty("digest").GetString());
        Assert.True(made.GetProperty("bytes").GetInt64() > 0);
        Assert.Contains("digest", (await OkAsync("server", "snapshot")).Output);
        Assert.Equal("pruned", (await OkAsync("server", "--json", "prune")).Json.GetProperty("outcome").GetString());
        await SyncAsync("late", "server");
        Assert.Equal(
            (await StatusAsync("server")).GetProperty("digest").GetString(),
            (await StatusAsync("late")).GetProperty("digest").GetString());
        Assert.Contains("make", (await OkAsync("server", "snapshot", "--help")).Output, StringComparison.OrdinalIgnoreCase);
    }
}
