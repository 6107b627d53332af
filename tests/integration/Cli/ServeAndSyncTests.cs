using System.Text.Json;

namespace Crdt.Integration.Cli;

public sealed class ServeAndSyncTests : CliTest
{
    [Fact]
    public async Task A_session_tells_what_it_sent_and_received()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "put", "a/b/1", "x=1");
        await OkAsync("server", "put", "a/b/2", "x=1");
        await OkAsync("server", "put", "a/b/3", "x=1");
        await using CliServer server = await ServeAsync("server");
        JsonElement first = (await OkAsync("a", "--json", "sync", "--plain", server.EndPoint.ToString())).Json;
        Assert.Equal(1, first.GetProperty("mutations_sent").GetInt64());
        Assert.Equal(2, first.GetProperty("mutations_received").GetInt64());
        Assert.Equal("server", first.GetProperty("role").GetString());
        Assert.InRange(first.GetProperty("bytes_sent").GetInt64(), 1, 10_000);
        JsonElement second = (await OkAsync("a", "--json", "sync", "--plain", server.EndPoint.ToString())).Json;
        Assert.Equal(0, second.GetProperty("mutations_sent").GetInt64() + second.GetProperty("mutations_received").GetInt64());
        Assert.Contains("sent 0 mutations", (await OkAsync("a", "sync", "--plain", server.EndPoint.ToString())).Output);
    }

    [Fact]
    public async Task A_server_logs_who_comes_and_goes_and_stops_when_it_is_told_to()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "put", "a/b/1", "x=1");
        await using CliServer server = await ServeAsync("server");
        await OkAsync("a", "sync", "--plain", server.EndPoint.ToString());
        JsonElement connected = await server.NextAsync(), gone = await server.NextAsync();
        Assert.Equal("connected", connected.GetProperty("event").GetString());
        Assert.Equal("disconnected", gone.GetProperty("event").GetString());
        Assert.Equal((await StatusAsync("a")).GetProperty("replica").GetString(),
            connected.GetProperty("node").GetString());
        Assert.Equal(1, gone.GetProperty("mutations_received").GetInt64());
        Assert.Equal(0, await server.StopAsync());
        Assert.True((await server.NextAsync()).GetProperty("stopped").GetBoolean());
    }

    [Fact]
    public async Task What_is_held_in_between_reaches_others_through_the_peers_it_stays_connected_with()
    {
        await InitAsync("a", "b", "server");
        await OkAsync("a", "put", "a/b/1", "x=1");
        await using CliServer server = await ServeAsync("server");
        await using CliServer middle = await ServeAsync("b", "--peer", server.EndPoint.ToString());
        await OkAsync("a", "--json", "sync", "--plain", middle.EndPoint.ToString());
        // A's session was over when B held it; the server may be a moment behind.
        using var patience = new CancellationTokenSource(Patience);
        while ((await OkAsync("a", "--json", "sync", "--plain", server.EndPoint.ToString())).Json
            .GetProperty("mutations_sent").GetInt64() > 0) patience.Token.ThrowIfCancellationRequested();
        Assert.Equal(0, (await StatusAsync("a")).GetProperty("pending").GetInt64());
    }

    [Fact]
    public async Task Another_space_is_refused_and_the_way_to_join_is_told()
    {
        await InitAsync("a");
        await InitAsync("x");
        await using CliServer server = await ServeAsync("x");
        (await RunAsync("a", "sync", "--plain", server.EndPoint.ToString())).Failed(4, "init --join");
    }

    [Fact]
    public async Task Nobody_there_is_exit_code_4() =>
        await Task.WhenAll(
            Task.Run(async () =>
            {
                await InitAsync("a");
                (await RunAsync("a", "sync", "--plain", "127.0.0.1:1")).Failed(4, "cannot be reached");
            }),
            Task.Run(async () =>
            {
                await InitAsync("b");
                (await RunAsync("b", "serve", "--plain", "--listen", "0.0.0.0:0")).Failed(4, "one machine");
            }));

    [Fact]
    public async Task A_peer_that_never_answers_ends_the_wait_after_the_time_given()
    {
        await InitAsync("a");
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        (await RunAsync("a", "sync", "--plain", silent.LocalEndpoint.ToString()!, "--timeout", "0.3")).Failed(4, "within 0.3 s");
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_to_be()
    {
        await InitAsync("a", "b");
        await using CliServer server = await ServeAsync("a");
        (await RunAsync("b", "serve", "--plain", "--listen", server.EndPoint.ToString())).Failed(4, "port");
    }
}
