using System.Net;
using System.Text.Json;
using Crdt.Testing;
using Crdt.Transport;

namespace Crdt.Integration.Cli;

public sealed class QueueTests : CliTest
{
    [Fact]
    public async Task The_queue_lists_what_waits_and_goes_on_page_by_page()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "put", "incident/strike/0", "x=0", "--user", "ann");
        await SyncAsync("a", "server");
        foreach (int i in Enumerable.Range(1, 5)) await OkAsync("a", "put", $"incident/strike/{i}", "x=1", "--user", i % 2 == 0 ? "ann" : "bob");
        Assert.Equal(5, (await OkAsync("a", "--json", "queue")).JsonLines.Count);
        var keys = new List<string>();
        string? next = null;
        for (int page = 0; page < 3; page++)
        {
            string[] after = next is null ? [] : ["--after", next];
            IReadOnlyList<JsonElement> lines = (await OkAsync("a", ["--json", "queue", "--limit", "2", .. after])).JsonLines;
            keys.AddRange(lines.Select(l => l.GetProperty("entity").GetString()!));
            next = lines[^1].TryGetProperty("next", out JsonElement cursor) ? cursor.GetString() : null;
            // What is written meanwhile neither shifts a page nor comes twice.
            if (page == 0) await OkAsync("a", "put", "incident/strike/0", "x=2");
            Assert.Equal(page < 2, next is not null);
        }
        Assert.Equal(["1", "2", "3", "4", "5", "0"], keys.Select(k => k["incident/strike/".Length..]));

        Assert.Equal(3, (await OkAsync("a", "--json", "log", "--by", "ann")).JsonLines.Count);
        JsonElement one = (await OkAsync("a", "--json", "log", "--entity", "incident/strike/3")).Json;
        Assert.Equal(one.GetRawText(), (await OkAsync("a", "--json", "log", "--id", one.GetProperty("id").GetString()!)).Json.GetRawText());
        string time = one.GetProperty("created_at").GetString()!;
        Assert.Equal(3, (await OkAsync("a", "--json", "queue", "--from", time, "--by", "bob")).JsonLines.Count
            + (await OkAsync("a", "--json", "queue", "--to", time, "--by", "bob")).JsonLines.Count);
        (await RunAsync("a", "queue", "--after", "zz")).Failed(2, "zz");
        (await RunAsync("a", "log", "--from", "yesterday")).Failed(2, "yesterday");
    }

    [Fact]
    public async Task Devices_of_one_person_are_told_apart()
    {
        await InitAsync("a", "b", "server");
        foreach (string device in new[] { "a", "b" })
        {
            await OkAsync(device, "put", $"incident/strike/{device}", "x=1", "--user", "ann");
            await OkAsync(device, "put", $"incident/strike/{device}", "x=2", "--user", "bob");
        }
        await SyncAsync("b", "server");
        await SyncAsync("a", "server");
        await OkAsync("a", "put", "incident/strike/a", "x=3", "--user", "ann");
        IReadOnlyList<JsonElement> ann = (await OkAsync("a", "--json", "queue", "--devices", "--by", "ann")).JsonLines;
        Assert.Equal(2, ann.Count);
        JsonElement here = ann.Single(d => d.GetProperty("here").GetBoolean()), there = ann.Single(d => !d.GetProperty("here").GetBoolean());
        Assert.Equal((1, 1), (here.GetProperty("pending").GetInt32(), here.GetProperty("synced").GetInt32()));
        Assert.Equal((0, 1), (there.GetProperty("pending").GetInt32(), there.GetProperty("synced").GetInt32()));
        Assert.True(here.TryGetProperty("oldest_pending", out _));
        Assert.False(there.TryGetProperty("oldest_pending", out _));
        Assert.Contains("(here)", (await OkAsync("a", "queue", "--devices")).Output);
    }

    [Fact]
    public async Task Attempts_their_error_and_what_to_do_are_told()
    {
        await InitAsync("a");
        string id = (await OkAsync("a", "--json", "put", "incident/strike/1", "x=1")).Json.GetProperty("mutations")[0].GetString()!;
        Assert.Equal("noServerKnown", (await OkAsync("a", "--json", "why", id)).Json.GetProperty("code").GetString());
        await RunAsync("a", "sync", "--plain", "127.0.0.1:1");
        await RunAsync("a", "sync", "--plain", "127.0.0.1:1");
        JsonElement pending = (await OkAsync("a", "--json", "queue", "--author", "here")).Json;
        Assert.Equal(2, pending.GetProperty("attempts").GetInt32());
        Assert.Equal("transient", pending.GetProperty("last_error").GetProperty("class").GetString());
        Assert.Equal("Unreachable", pending.GetProperty("last_error").GetProperty("code").GetString());
        foreach (string subject in new[] { id, "here:1", "incident/strike/1", "here" })
        {
            JsonElement why = (await OkAsync("a", "--json", "why", subject)).Json;
            Assert.Equal("peerUnreachable", why.GetProperty("code").GetString());
            Assert.Equal("user", why.GetProperty("who").GetString());
            Assert.Equal(2, why.GetProperty("peer").GetProperty("attempts").GetInt32());
        }
        JsonElement peer = (await StatusAsync("a")).GetProperty("peers")[0];
        Assert.Equal(("127.0.0.1:1", 2), (peer.GetProperty("peer").GetString(), peer.GetProperty("attempts").GetInt32()));
        Assert.Contains("2 attempts failed", (await OkAsync("a", "status")).Output);
        string text = (await OkAsync("a", "why", id, "--audit")).Output;
        Assert.Contains("127.0.0.1:1", text);
        Assert.Matches("unaccounted +0", text);
        (await RunAsync("a", "why", "a/b/c")).Failed(3, "");
        (await RunAsync("a", "why", "zz")).Failed(3, "zz");
    }

    [Fact]
    public async Task A_peer_of_another_space_is_told_to_be_no_matter_of_waiting()
    {
        await InitAsync("a");
        await InitAsync("x");
        await OkAsync("a", "put", "incident/strike/1", "x=1");
        await using CliServer server = await ServeAsync("x");
        (await RunAsync("a", "sync", "--plain", server.EndPoint.ToString())).Failed(4, "init --join");
        JsonElement why = (await OkAsync("a", "--json", "why", "incident/strike/1")).Json;
        Assert.Equal(("incompatible", "operator"), (why.GetProperty("code").GetString(), why.GetProperty("who").GetString()));
    }

    [Fact]
    public async Task What_a_server_refused_is_shown_edited_given_away_or_given_up()
    {
        await InitAsync("a");
        foreach (int i in Enumerable.Range(1, 4)) await OkAsync("a", "put", $"incident/strike/{i}", "species=bad", "count=1", "--user", "ann");
        await OkAsync("a", "put", "incident/strike/5", "species=gull");
        await SyncWithJudgeAsync("a");
        IReadOnlyList<JsonElement> refused = (await OkAsync("a", "--json", "refused", "list")).JsonLines;
        Assert.Equal(4, refused.Count);
        string[] ids = [.. refused.Select(r => r.GetProperty("id").GetString()!)];
        Assert.Equal(4, (await OkAsync("a", "--json", "queue", "--status", "failed")).JsonLines.Count);
        Assert.Equal("synced", (await OkAsync("a", "--json", "why", "incident/strike/5")).Json.GetProperty("code").GetString());
        JsonElement why = (await OkAsync("a", "--json", "why", ids[0])).Json;
        Assert.Equal(("refused", "author"), (why.GetProperty("code").GetString(), why.GetProperty("who").GetString()));
        Assert.Equal("Not allowed here.", why.GetProperty("refusal").GetProperty("reason").GetString());
        Assert.Contains("Not allowed here.", (await OkAsync("a", "refused", "show", ids[0][..13])).Output);

        (await RunAsync("a", "refused", "edit", ids[0])).Failed(2, "nothing to change");
        (await RunAsync("a", "refused", "edit", ids[0], "x=1", "--entity", "a/b/c")).Failed(3, "a/b/c");
        await OkAsync("a", "refused", "edit", ids[0], "species=gull", "--user", "eva");
        await OkAsync("a", "refused", "edit", ids[1], "--json-doc", "{\"species\":\"heron\",\"count\":null}", "--patch");
        await OkAsync("a", "refused", "reassign", ids[2], "bob", "--user", "eva");
        await OkAsync("a", "refused", "discard", ids[3], "--user", "eva");
        (await RunAsync("a", "refused", "resubmit", ids[3])).Failed(6, "discarded");
        (await RunAsync("a", "refused", "show", "incident/strike/5")).Failed(3, "refused");
        JsonElement open = (await OkAsync("a", "--json", "refused", "list")).Json;
        Assert.Equal(("reassigned", "bob", "eva"), (open.GetProperty("handling").GetString(),
            open.GetProperty("assignee").GetString(), open.GetProperty("handled_by").GetString()));
        Assert.Equal(4, (await OkAsync("a", "--json", "refused", "list", "--all")).JsonLines.Count);

        await SyncWithJudgeAsync("a");
        string[] keys = [.. refused.Select(r => r.GetProperty("work")[0].GetProperty("entity").GetString()!)];
        JsonElement first = (await OkAsync("a", "--json", "get", keys[0])).Json, second = (await OkAsync("a", "--json", "get", keys[1])).Json;
        Assert.Contains("\"species\":\"gull\"", first.GetRawText());
        Assert.Contains("\"count\":1", first.GetRawText());
        Assert.Contains("\"species\":\"heron\"", second.GetRawText());
        Assert.DoesNotContain("count", second.GetRawText());
        Assert.Equal("synced", (await OkAsync("a", "--json", "why", keys[0])).Json.GetProperty("code").GetString());
        JsonElement sent = (await OkAsync("a", "--json", "log", "--entity", keys[0], "--by", "eva")).Json;
        Assert.Equal(ids[0], sent.GetProperty("origin").GetProperty("reissued").GetString());
    }

    [Fact]
    public async Task A_context_stays_with_the_change_and_is_bounded()
    {
        await InitAsync("a");
        await OkAsync("a", "put", "incident/strike/1", "x=1", "--context", "{\"form\":3}");
        string rows = Write("rows.jsonl", "{\"id\":\"7\",\"x\":1}\n");
        await OkAsync("a", "import", rows, "--domain", "incident", "--type", "sight", "--id", "id", "--context", "\"survey\"");
        IReadOnlyList<JsonElement> made = (await OkAsync("a", "--json", "log", "--author", "here")).JsonLines;
        Assert.Equal(["{\"form\":3}", "\"survey\""], made.Select(m => m.GetProperty("context").GetRawText()));
        (await RunAsync("a", "put", "incident/strike/1", "x=2", "--context", "{")).Failed(2, "--context");
        (await RunAsync("a", "put", "incident/strike/1", "x=2", "--context", $"\"{new string('x', 5_000)}\"")).Failed(2, "4096");
    }

    private readonly ReplicaId judge = new(Guid.NewGuid());
    private MemoryReplicaStore? judgeStore;

    /// <summary>A server that refuses whatever says "bad".</summary>
    private async Task SyncWithJudgeAsync(string data)
    {
        SpaceGenesis genesis = SpaceGenesis.FromBytes(await File.ReadAllBytesAsync(Path.Combine(PathOf(data), "invite.crdt")));
        judgeStore ??= new MemoryReplicaStore(new ReplicaIdentity(genesis.Space, judge, ReplicaRole.Server));
        await using Replica server = await Replica.OpenAsync(judgeStore, new ReplicaOptions
        {
            Time = TimeProvider.System,
            Genesis = genesis,
            Admission = RefuseWhere.Writes("bad"),
        });
        await using var node = new PeerNode(new PeerNodeOptions { NodeId = judge.Value, IsPlain = true });
        node.Add(server);
        IPEndPoint address = await node.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        for (int i = 0; i < 2; i++) await OkAsync(data, "sync", "--plain", address.ToString());
    }
}
