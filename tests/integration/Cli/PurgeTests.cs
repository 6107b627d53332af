using System.Text.Json;

namespace Crdt.Integration.Cli;

public sealed class PurgeTests : CliTest
{
    [Fact]
    public async Task What_everybody_has_seen_deleted_is_dropped_by_a_server()
    {
        await InitAsync("a", "b", "server");
        await OkAsync("a", "put", "d/t/1", "x=1");
        await SyncAsync("a", "server");
        await SyncAsync("b", "server");
        await OkAsync("b", "put", "d/t/1", "--delete");
        (await RunAsync("a", "purge")).Failed(6, "server role");
        await SyncAsync("b", "server");
        JsonElement early = (await OkAsync("server", "--json", "purge")).Json;
        Assert.Equal((0, 1, 0), (Count(early, "purged"), Count(early, "waiting"), Count(early, "kept")));
        Assert.Contains("1 deleted entity waits", (await OkAsync("server", "purge")).Error);
        await SyncAsync("a", "server");
        await SyncAsync("b", "server");
        Assert.Equal(["Purged 1 entity."], (await OkAsync("server", "purge")).Lines);
        await SyncAsync("a", "server");
        (await RunAsync("a", "get", "d/t/1", "--siblings")).Failed(3, "does not exist");
        Assert.Equal("purge", (await OkAsync("a", "--json", "log")).JsonLines[^1].GetProperty("kind").GetString());
        Assert.Equal(0, (await StatusAsync("a")).GetProperty("entities").GetInt64());
    }

    private static int Count(JsonElement result, string name) => result.GetProperty(name).GetInt32();
}
