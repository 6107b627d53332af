namespace Crdt.Integration.Cli;

public sealed class RetentionTests : CliTest
{
    [Fact]
    public async Task A_space_that_keeps_its_log_says_so_and_drops_nothing()
    {
        await InitAsync("a", "server");
        Assert.Contains("undecided", (await OkAsync("a", "retention")).Output);
        (await RunAsync("a", "retention", "--set", "keep")).Failed(6, "server");
        Assert.Equal("keep", (await OkAsync("server", "--json", "retention", "--set", "keep")).Json.GetProperty("retention").GetString());
        await OkAsync("server", "snapshot");
        Assert.Equal("kept", (await OkAsync("server", "--json", "prune")).Json.GetProperty("outcome").GetString());
        Assert.Contains("evidence", (await OkAsync("server", "prune")).Output);
    }
}
