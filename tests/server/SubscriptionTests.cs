using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Crdt.Integration.Discovery;
using Crdt.Server.Following;
using Microsoft.Extensions.DependencyInjection;

namespace Crdt.Server.Tests;

public sealed class SubscriptionTests : ServerTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected override string[] Arguments => ["--Crdt:Limits:InitTimeout=00:00:00.300", "--Crdt:Limits:SubscriptionsMax=3"];

    private LogFollower Follower => App.Services.GetRequiredService<LogFollower>();

    [ComponentFact("node", "npm")]
    public async Task The_client_graphql_ws_is_told_of_status_conflicts_and_entities()
    {
        using Process process = Process.Start(new ProcessStartInfo("node",
        [
            Path.Combine(await NodePackages.DirectoryAsync(), "subscribe.mjs"), Address.Replace("http", "ws", StringComparison.Ordinal) + "/graphql", Issuer.Token("offline:read:a"),
            "subscription { statusChanged { type status author entity_id } }", "subscription { conflictChanged { status path visible resolution { author } } }",
            "subscription { entityChanged(domain: \"a\") { entity_id exists fields } }",
        ])
        { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        await using var client = new Lines(process);
        await client.WaitAsync(l => l == """{"asked":"field"}""", "a question is answered");
        await client.WaitAsync(l => l == """{"refused":"BAD_REQUEST"}""", "a wrong one is refused");
        await UntilAsync(() => Follower.Mutations.Listeners == 1 && Follower.Conflicts.Listeners == 1 && Follower.Entities.Listeners == 1);
        await WriteAsync("b/x/1", e => e.Set("n", 1));
        await ContestAsync("a/x/1", "name", "one", "two");
        string[] told = await TakeAsync(client, 5);
        Assert.DoesNotContain(told, l => l.Contains("\"b\"", StringComparison.Ordinal));
        Assert.Contains(told, l => l.Contains("""{"at":0,"data":{"statusChanged":{"type":"CREATE","status":"SYNCED","author":"mia","entity_id":"1"}}}""", StringComparison.Ordinal));
        Conflict conflict = Replica.Conflicts().Single();
        await Replica.CommitAsync(tx => tx.Resolve(conflict, "three"), "cleo");
        await client.WaitAsync(l => l == """{"at":1,"data":{"conflictChanged":{"status":"RESOLVED","path":"name","visible":"three","resolution":{"author":"cleo"}}}}""", "the conflict is settled");
        await Replica.CommitAsync(tx => tx.Delete(EntityKey.Parse("a/x/1")));
        await client.WaitAsync(l => l.Contains("""{"entityChanged":{"entity_id":"1","exists":false,"fields":null}}""", StringComparison.Ordinal), "the entity is deleted");
        process.StandardInput.Close();
        await client.WaitAsync(l => l == """{"closed":1000}""", "it is closed");
        await UntilAsync(() => Follower.Mutations.Listeners == 0 && Follower.Conflicts.Listeners == 0 && Follower.Entities.Listeners == 0);
    }

    [Fact]
    public async Task What_breaks_the_protocol_closes_the_connection_with_the_code_for_it()
    {
        string token = Issuer.Token(Everything), init = Init(token);
        Assert.Equal(4400, await CloseAsync("nonsense"));
        Assert.Equal(4400, await CloseAsync("""{"type":"what"}"""));
        Assert.Equal(4400, await CloseAsync(init, """{"type":"subscribe","id":"1","payload":{"query":1}}"""));
        Assert.Equal(4401, await CloseAsync("""{"type":"subscribe","id":"1","payload":{"query":"{ space { name } }"}}"""));
        Assert.Equal(4403, await CloseAsync("""{"type":"connection_init"}"""));
        Assert.Equal(4403, await CloseAsync(Init("nonsense")));
        Assert.Equal(4408, await CloseAsync());
        Assert.Equal(4409, await CloseAsync(init, Subscribe("1"), Subscribe("1")));
        Assert.Equal(4429, await CloseAsync(init, init));
        Assert.Equal(4429, await CloseAsync(init, Subscribe("1"), Subscribe("2"), Subscribe("3"), Subscribe("4")));
        Assert.Equal(4403, await CloseAsync(Init(Issuer.Token(Everything, expires: DateTime.UtcNow.AddSeconds(1)))));
        await UntilAsync(() => Follower.Entities.Listeners == 0);
    }

    [Fact]
    public async Task A_connection_without_the_protocol_is_closed_and_a_stop_says_goodbye()
    {
        using var stranger = new ClientWebSocket();
        stranger.Options.AddSubProtocol("graphql-ws");
        // Told at once, or by the code for it: a client of .NET is strict about what was chosen.
        await Assert.ThrowsAnyAsync<WebSocketException>(async () =>
        {
            await stranger.ConnectAsync(SocketAddress, CancellationToken.None);
            await stranger.ReceiveAsync(new byte[100], CancellationToken.None);
            if ((int?)stranger.CloseStatus == 4406) throw new WebSocketException("4406");
        });
        Task<int> closing = CloseAsync(Init(Issuer.Token(Everything)), Subscribe("1"));
        await UntilAsync(() => Follower.Entities.Listeners == 1);
        await App.StopAsync();
        Assert.Equal(1001, await closing);
    }

    [Fact]
    public async Task Who_is_too_slow_is_told_so_and_costs_nothing_more()
    {
        var broadcast = new Broadcast<int>(3);
        await using IAsyncEnumerator<int> slow = broadcast.Listen(CancellationToken.None).GetAsyncEnumerator();
        for (int i = 0; i < 5; i++) broadcast.Send(i);
        Assert.Equal(0, broadcast.Listeners);
        for (int i = 0; i < 3; i++) Assert.True(await slow.MoveNextAsync() && slow.Current == i);
        GraphQL.ApiError error = await Assert.ThrowsAsync<GraphQL.ApiError>(async () => await slow.MoveNextAsync());
        Assert.Equal("TOO_SLOW", error.Code);
    }

    private Uri SocketAddress => new(Address.Replace("http", "ws", StringComparison.Ordinal) + "/graphql");

    private static string Init(string token) => $$$"""{"type":"connection_init","payload":{"accessToken":"{{{token}}}"}}""";

    private static string Subscribe(string id) => $$$"""{"type":"subscribe","id":"{{{id}}}","payload":{"query":"subscription { entityChanged { version } }"}}""";

    private static async Task<string[]> TakeAsync(Lines client, int count)
    {
        var told = new List<string>();
        while (told.Count < count) told.Add(await client.WaitAsync(l => l.StartsWith("{\"at\"", StringComparison.Ordinal), "an event"));
        return [.. told];
    }

    private async Task<int> CloseAsync(params string[] messages)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("graphql-transport-ws");
        await socket.ConnectAsync(SocketAddress, patience.Token);
        byte[] buffer = new byte[10_000];
        foreach (string message in messages) await socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, patience.Token);
        while ((await socket.ReceiveAsync(buffer, patience.Token)).MessageType != WebSocketMessageType.Close)
        {
        }
        return (int)socket.CloseStatus!.Value;
    }
}
