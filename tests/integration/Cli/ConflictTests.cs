using System.Text.Json;

namespace Crdt.Integration.Cli;

public sealed class ConflictTests : CliTest
{
    private const string Key = "incident/strike/1";

    /// <summary>Ann and Bob wrote the same fields without seeing each other, and have met since.</summary>
    private async Task DisagreeAsync()
    {
        await InitAsync("a", ["incident/strike/species=Manual"], "b", "server");
        await OkAsync("a", "put", Key, "species=kite", "note=-");
        await SyncAsync("a", "b");
        await OkAsync("a", "put", Key, "species=Red kite", "note=one", "--user", "ann");
        await OkAsync("b", "put", Key, "species=Black kite", "note=two", "--user", "bob");
        await SyncAsync("a", "b");
    }

    [Fact]
    public async Task An_open_conflict_shows_each_side_and_what_is_read_meanwhile()
    {
        await DisagreeAsync();
        JsonElement conflict = (await OkAsync("a", "--json", "conflicts")).JsonLines.Single();
        Assert.Equal(Key, conflict.GetProperty("key").GetString());
        Assert.Equal("species", conflict.GetProperty("field").GetString());
        Assert.Equal("Manual", conflict.GetProperty("policy").GetString());
        Assert.Equal("Black kite", conflict.GetProperty("visible").GetString());
        Assert.Equal(
            [(1, "Black kite", "bob", true), (2, "Red kite", "ann", false)],
            conflict.GetProperty("siblings").EnumerateArray().Select(s => (s.GetProperty("number").GetInt32(),
                s.GetProperty("value").GetString()!, s.GetProperty("user").GetString()!,
                    s.GetProperty("visible").GetBoolean())));
        Assert.Contains("bob on ", (await RunAsync("a", "conflicts")).Output);
    }

    [Fact]
    public async Task What_a_policy_decided_is_listed_when_asked_for()
    {
        await DisagreeAsync();
        IReadOnlyList<JsonElement> all = (await OkAsync("a", "--json", "conflicts", "--all")).JsonLines;
        Assert.Equal(
            [("note", false), ("species", true)],
            all.Select(c => (c.GetProperty("field").GetString()!, c.GetProperty("open").GetBoolean())));
    }

    [Fact]
    public async Task A_side_is_picked_by_its_number_and_everybody_learns_of_it()
    {
        await DisagreeAsync();
        await OkAsync("a", "resolve", Key, "species", "--pick", "2", "--user", "eva");
        Assert.Empty((await RunAsync("a", "--json", "conflicts")).Lines);
        await SyncAsync("a", "b");
        Assert.Equal("Red kite\n", (await RunAsync("b", "get", Key, "species")).Output);
        JsonElement last = (await RunAsync("b", "--json", "log", "--kind", "resolve")).JsonLines.Single();
        Assert.Equal("eva", last.GetProperty("user").GetString());
        (await RunAsync("b", "resolve", Key, "species", "--pick", "1")).Failed(6, "not in conflict");
    }

    [Fact]
    public async Task A_side_is_picked_by_its_mutation()
    {
        await DisagreeAsync();
        JsonElement red = (await RunAsync("a", "--json", "conflicts")).JsonLines.Single().GetProperty("siblings")[1];
        await OkAsync("a", "resolve", Key, "species", "--pick", red.GetProperty("mutation").GetString()![..8]);
        Assert.Equal("Red kite\n", (await RunAsync("a", "get", Key, "species")).Output);
    }

    [Fact]
    public async Task A_new_value_settles_it_too()
    {
        await DisagreeAsync();
        await OkAsync("a", "resolve", Key, "species", "--value", "Honey buzzard");
        Assert.Equal("Honey buzzard\n", (await RunAsync("a", "get", Key, "species")).Output);
    }

    [Fact]
    public async Task What_policies_decided_can_be_decided_otherwise()
    {
        await DisagreeAsync();
        await OkAsync("a", "resolve", Key, "note", "--pick", "2");
        Assert.Equal("one\n", (await RunAsync("a", "get", Key, "note")).Output);
    }

    [Fact]
    public async Task A_conflict_that_is_not_there_or_a_side_that_it_has_not_settles_nothing()
    {
        await DisagreeAsync();
        (await RunAsync("a", "resolve", Key, "species", "--pick", "3")).Failed(2, "no side");
        (await RunAsync("a", "resolve", Key, "species", "--pick", "0")).Failed(2, "no side");
        (await RunAsync("a", "resolve", Key, "colour", "--pick", "1")).Failed(6, "not in conflict");
        (await RunAsync("a", "resolve", "incident/strike/9", "species", "--pick", "1")).Failed(3, "does not exist");
        (await RunAsync("a", "resolve", Key, "species", "--pick", "1", "--value", "x")).Failed(2, "Either");
        Assert.Single((await RunAsync("a", "--json", "conflicts")).Lines);
    }

    [Fact]
    public async Task One_name_used_as_different_kinds_takes_a_value()
    {
        await InitAsync("a", "b");
        await OkAsync("a", "put", Key, "x=1");
        await SyncAsync("a", "b");
        await OkAsync("a", "put", Key, "contact=the tower");
        await OkAsync("b", "put", Key, "contact/phone=555");
        await SyncAsync("a", "b");
        JsonElement conflict = (await RunAsync("a", "--json", "conflicts")).JsonLines.Single();
        Assert.Equal("kinds", conflict.GetProperty("kind").GetString());
        (await RunAsync("a", "resolve", Key, "contact", "--pick", "1")).Failed(2, "--value");
        await OkAsync("a", "resolve", Key, "contact", "--value", "the tower, 555");
        await SyncAsync("a", "b");
        Assert.Equal("the tower, 555\n", (await RunAsync("b", "get", Key, "contact")).Output);
        Assert.Empty((await RunAsync("b", "--json", "conflicts")).Lines);
    }

    [Fact]
    public async Task A_server_sets_policies_for_everybody_and_a_client_may_not()
    {
        await DisagreeAsync();
        (await RunAsync("a", "policy", "set", "incident/strike/note", "Manual")).Failed(6, "server role");
        (await RunAsync("server", "policy", "set", "incident/strike/note", "sometimes")).Failed(2,
            "not a conflict policy");
        (await RunAsync("server", "policy", "set", "a/b/c/d", "Manual")).Failed(2, "not a scope");
        await OkAsync("server", "policy", "set", "incident/strike/note", "manual");
        await SyncAsync("server", "a");
        Assert.Equal(2, (await RunAsync("a", "--json", "conflicts")).Lines.Count);
        Assert.Equal(
            ["scope                   policy", "incident/strike/note    Manual", "incident/strike/species Manual"],
            (await RunAsync("a", "policy", "list")).Lines);
    }

    [Fact]
    public async Task Whether_an_entity_is_deleted_is_settled_by_a_person_where_the_policy_says_so()
    {
        await InitAsync("a", "b", "server");
        await SyncAsync("a", "server");
        (await RunAsync("server", "policy", "set", "incident/strike/note", "Manual", "--existence")).Failed(2, "whole entities");
        (await RunAsync("server", "policy", "set", "incident", "sometimes", "--existence")).Failed(2, "not an existence policy");
        await OkAsync("server", "policy", "set", "incident", "manual", "--existence");
        await OkAsync("a", "put", Key, "species=kite");
        await SyncAsync("a", "server");
        await SyncAsync("b", "server");
        Assert.Equal(["scope    policy existence", "incident        Manual"], (await RunAsync("b", "policy", "list")).Lines);
        await OkAsync("a", "put", Key, "species=gull");
        await OkAsync("b", "put", Key, "--delete");
        await SyncAsync("a", "server");
        await SyncAsync("b", "server");
        JsonElement conflict = (await OkAsync("b", "--json", "conflicts")).JsonLines.Single();
        Assert.Equal(("existence", "", true), (conflict.GetProperty("kind").GetString(), conflict.GetProperty("field").GetString(),
            conflict.GetProperty("visible").GetBoolean()));
        CliResult table = await OkAsync("b", "conflicts");
        Assert.Contains("deleted or not", table.Output);
        Assert.Contains($"crdt resolve '{Key}' --pick 1", table.Error);
        (await RunAsync("b", "resolve", Key, "--value", "perhaps")).Failed(2, "--value false");
        (await RunAsync("b", "resolve", Key, "species", "--pick", "1")).Failed(6, "whether it is deleted");
        await OkAsync("b", "resolve", Key, "--value", "false");
        (await RunAsync("b", "get", Key)).Failed(3, "deleted");
        await SyncAsync("b", "server");
        await SyncAsync("a", "server");
        (await RunAsync("a", "resolve", Key, "--pick", "1")).Failed(3, "deleted");
        Assert.Empty((await RunAsync("a", "--json", "conflicts")).Lines);
    }
}
