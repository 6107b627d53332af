using System.Text.Json;

namespace Crdt.Integration.Cli;

public sealed class LogAndStatusTests : CliTest
{
    [Fact]
    public async Task The_log_tells_what_was_done_by_whom_and_how_far_it_has_come()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "put", "incident/strike/1", "x=1", "--user", "ann");
        await OkAsync("a", "put", "incident/strike/1", "x=2");
        await SyncAsync("a", "server");
        await OkAsync("a", "put", "incident/sight/2", "x=3");
        await OkAsync("a", "put", "incident/strike/1", "--delete");

        IReadOnlyList<JsonElement> own = (await OkAsync("a", "--json", "log", "--author", "here")).JsonLines;
        Assert.Equal(["create", "update", "create", "delete"], own.Select(m => m.GetProperty("kind").GetString()));
        Assert.Equal(["synced", "synced", "pending", "pending"], own.Select(m => m.GetProperty("status").GetString()));
        Assert.Equal([1, 1, 0, 0], own.Select(m => m.GetProperty("held_by").GetInt32()));
        Assert.Equal([1L, 2, 3, 4], own.Select(m => m.GetProperty("sequence").GetInt64()));
        Assert.Equal("ann", own[0].GetProperty("user").GetString());
        Assert.False(own[1].TryGetProperty("user", out _));
        Assert.All(own, m => Assert.Equal(TimeSpan.Zero, m.GetProperty("created_at").GetDateTimeOffset().Offset));
        Assert.True(own[0].TryGetProperty("synced_at", out _));
        Assert.False(own[3].TryGetProperty("synced_at", out _));

        Assert.Equal(2, (await RunAsync("a", "--json", "log", "--status", "pending")).JsonLines.Count);
        Assert.Equal(3, (await RunAsync("a", "--json", "log", "--entity", "incident/strike/1")).JsonLines.Count);
        Assert.Equal(4, (await RunAsync("a", "--json", "log", "--entity", "incident")).JsonLines.Count);
        Assert.Single((await RunAsync("a", "--json", "log", "--kind", "delete")).JsonLines);
        string author = own[0].GetProperty("author").GetString()!;
        Assert.Equal(4, (await RunAsync("server", "--json", "log", "--author", author[..12])).JsonLines.Count + 2);
        (await RunAsync("a", "log", "--author", "zz")).Failed(3, "replica 'zz'");
    }

    [Fact]
    public async Task The_newest_come_last_and_the_limit_keeps_them()
    {
        await InitAsync("a");
        foreach (int i in Enumerable.Range(1, 3)) await OkAsync("a", "put", $"a/b/{i}", "x=1");
        CliResult table = await OkAsync("a", "log", "-n", "2");
        Assert.Equal(3, table.Lines.Count);
        Assert.Contains("a/b/2", table.Lines[1]);
        Assert.Contains("a/b/3", table.Lines[2]);
        Assert.Contains("The newest 2; --after ", table.Error);
    }

    [Fact]
    public async Task The_status_counts_what_is_held_and_how_far_it_has_come()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "put", "incident/strike/1", "x=1");
        JsonElement before = await StatusAsync("a");
        Assert.Equal(1, before.GetProperty("entities").GetInt64());
        Assert.Equal(2, before.GetProperty("mutations").GetInt64());
        Assert.Equal(1, before.GetProperty("own_pending").GetInt64());
        await SyncAsync("a", "server");
        JsonElement after = await StatusAsync("a"), server = await StatusAsync("server");
        Assert.Equal(0, after.GetProperty("pending").GetInt64());
        Assert.Equal(2, after.GetProperty("synced").GetInt64());
        Assert.Equal(server.GetProperty("digest").GetString(), after.GetProperty("digest").GetString());
        Assert.Equal(server.GetProperty("vector").GetRawText(), after.GetProperty("vector").GetRawText());
        string text = (await OkAsync("a", "status")).Output;
        Assert.Contains("(here): 1", text);
        Assert.Contains("that it holds all of it", text);
        JsonElement skew = Assert.Single(after.GetProperty("clock_skews").EnumerateArray());
        Assert.Equal(server.GetProperty("replica").GetString(), skew.GetProperty("replica").GetString());
        Assert.InRange(skew.GetProperty("offset_ms").GetInt64(), -10_000, 10_000);
        Assert.True(skew.GetProperty("uncertainty_ms").GetInt64() < 10_000);
        Assert.Single(server.GetProperty("clock_skews").EnumerateArray());
        Assert.Empty(after.GetProperty("divergences").EnumerateArray());
    }
}
