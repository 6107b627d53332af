using System.Text.Json;

namespace Crdt.Server.Tests;

public sealed class ResolveTests : ServerTest
{
    private const string Resolve = """
        mutation($id: ID!, $strategy: ConflictStrategy, $sibling: UUID, $value: JSON, $seen: [UUID!]) {
            resolveConflict(id: $id, strategy: $strategy, sibling: $sibling, value: $value, seen: $seen)
            { status visible resolved_at resolution { author value mutation { type status } } } }
        """;

    [Theory]
    [InlineData("LAST_WRITE_WINS", "\"two\"")]
    [InlineData("FIRST_WRITE_WINS", "\"one\"")]
    [InlineData("SERVER_WINS", "\"two\"")]
    public async Task A_conflict_is_settled_by_a_strategy(string strategy, string expected)
    {
        await ContestAsync("a/x/1", "name", "one", "two");
        JsonElement settled = (await AskAsync(Resolve, new { id = await IdAsync(), strategy }, subject: "cleo")).GetProperty("resolveConflict");
        Assert.Equal(expected, settled.GetProperty("visible").GetRawText());
        JsonElement resolution = settled.GetProperty("resolution");
        Assert.Equal(("cleo", "RESOLVE", "SYNCED"), (resolution.GetProperty("author").GetString(),
            resolution.GetProperty("mutation").GetProperty("type").GetString(), resolution.GetProperty("mutation").GetProperty("status").GetString()));
        Assert.Empty(Replica.Conflicts());
        Assert.Equal(expected.Trim('"'), Replica.Get(EntityKey.Parse("a/x/1"))!.GetString("name"));
    }

    [Fact]
    public async Task Objects_are_merged_with_what_each_side_changed()
    {
        await ContestAsync("a/x/1", "place", Value.ParseJson("""{"lat":1,"deep":{"a":1,"b":1}}"""), Value.ParseJson("""{"lon":2,"deep":{"b":2}}"""));
        await AskAsync(Resolve, new { id = await IdAsync(), strategy = "MERGE" });
        Assert.Equal("""{"deep":{"a":1,"b":2},"lat":1,"lon":2}""", Replica.Get(EntityKey.Parse("a/x/1"))!["place"]!.Value.ToJson());
    }

    [Fact]
    public async Task A_conflict_is_settled_by_a_side_or_a_value_and_then_it_is_none()
    {
        await ContestAsync("a/x/1", "name", "one", "two");
        string id = await IdAsync();
        await FailAsync("INVALID_ARGUMENT", Resolve, new { id });
        await FailAsync("INVALID_ARGUMENT", Resolve, new { id, strategy = "MANUAL" });
        await FailAsync("INVALID_ARGUMENT", Resolve, new { id, strategy = "MERGE" });
        await FailAsync("INVALID_ARGUMENT", Resolve, new { id, strategy = "CLIENT_WINS" });
        await FailAsync("INVALID_ARGUMENT", Resolve, new { id, strategy = "LAST_WRITE_WINS", value = 1 });
        await FailAsync("NOT_FOUND", Resolve, new { id, sibling = Guid.NewGuid() });
        await FailAsync("FORBIDDEN", Resolve, new { id, value = 1 }, "offline:read offline:write");
        await FailAsync("FORBIDDEN", Resolve, new { id, value = 1 }, "offline:resolve:b");
        Guid one = MutationId.Of(Replica.Conflicts().Single().Siblings[1].Dot);
        await AskAsync(Resolve, new { id, sibling = one }, "offline:resolve:a:x offline:read");
        Assert.Equal("one", Replica.Get(EntityKey.Parse("a/x/1"))!.GetString("name"));
        await FailAsync("NO_CONFLICT", Resolve, new { id, value = "late" });
        await ContestAsync("a/x/2", "name", "one", "two");
        await AskAsync(Resolve, new { id = await IdAsync(), value = "three" });
        Assert.Equal("three", Replica.Get(EntityKey.Parse("a/x/2"))!.GetString("name"));
    }

    [Fact]
    public async Task A_side_that_nobody_had_seen_stays()
    {
        await ContestAsync("a/x/1", "name", "one", "two");
        Guid[] seen = [.. Replica.Conflicts().Single().Siblings.Select(s => MutationId.Of(s.Dot)).Take(1)];
        await AskAsync(Resolve, new { id = await IdAsync(), value = "three", seen });
        Assert.Equal(["one", "three"], Replica.Conflicts().Single().Siblings.Select(s => s.Value.ToString()).Order());
        await FailAsync("NO_CONFLICT", Resolve, new { id = await IdAsync(), value = "four", seen = new[] { Guid.NewGuid() } });
    }

    [Fact]
    public async Task Policies_are_set_together_or_not_at_all()
    {
        const string set = "mutation($policies: [PolicyInput!]!) { setPolicies(policies: $policies) { scope strategy existence } }";
        JsonElement told = (await AskAsync(set, new
        {
            policies = new object[] { new { scope = "a/x/name", strategy = "MANUAL" }, new { scope = "a/x", strategy = "MERGE", existence = "DELETE_WINS" } },
        })).GetProperty("setPolicies");
        Assert.Equal("""[{"scope":"a/x","strategy":"MERGE","existence":"DELETE_WINS"},{"scope":"a/x/name","strategy":"MANUAL","existence":null}]""", told.GetRawText());
        Assert.Equal(ConflictPolicy.Manual, Replica.PolicyOf(EntityKey.Parse("a/x/1"), "name"));
        await FailAsync("INVALID_ARGUMENT", set, new { policies = new object[] { new { scope = "b", strategy = "MANUAL" }, new { scope = "b/x/name", existence = "MANUAL" } } });
        await FailAsync("INVALID_ARGUMENT", set, new { policies = new object[] { new { scope = "b" } } });
        await FailAsync("FORBIDDEN", set, new { policies = new object[] { new { scope = "b", strategy = "MANUAL" } } }, "offline:admin:a");
        await FailAsync("FORBIDDEN", set, new { policies = new object[] { new { scope = "a", strategy = "MANUAL" } } }, "offline:admin:a:x");
        Assert.Equal(ConflictPolicy.LastWriteWins, Replica.PolicyOf(EntityKey.Parse("b/x/1"), "name"));
        await AskAsync(set, new { policies = new object[] { new { scope = "a/x/other", strategy = "MERGE" } } }, "offline:admin:a:x offline:read");
    }

    private async Task<string> IdAsync() => (await AskAsync("{ conflicts { nodes { id } } }")).GetProperty("conflicts").GetProperty("nodes")[0].GetProperty("id").GetString()!;
}
