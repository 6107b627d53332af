using System.Text.Json;

namespace Crdt.Server.Tests;

public sealed class QueryTests : ServerTest
{
    [Fact]
    public async Task A_mutation_is_told_with_what_it_wrote_and_where_it_stands()
    {
        CommitResult made = await Replica.CommitAsync(
            tx => tx.Create(EntityKey.Parse("incident/strike/1")).Set("species", "kestrel").Set("count", 1.0).Set(FieldPath.Of("place", "lat"), 52.5)
                .Add("tags", "night").Increment("seen", 3).WithContext(Value.ParseJson("""{"app":"camp"}""")), "mia");
        JsonElement told = (await AskAsync(
            """
            query($id: UUID!) { mutation(id: $id) { id type status domain entity_type entity_id author payload context created_at synced_at resolved_at
                device_id device_sequence replica_id entity { version fields created_at updated_at } why { code who } } }
            """, new { id = made.MutationIds.First() })).GetProperty("mutation");
        Assert.Equal("CREATE", told.GetProperty("type").GetString());
        Assert.Equal("SYNCED", told.GetProperty("status").GetString());
        Assert.Equal("mia", told.GetProperty("author").GetString());
        Assert.Equal("""{"count":1.0,"place":{"lat":52.5},"seen":{"$count":3},"species":"kestrel","tags":{"$add":["night"]}}""", told.GetProperty("payload").GetRawText());
        Assert.Equal("""{"app":"camp"}""", told.GetProperty("context").GetRawText());
        Assert.Equal(Replica.Id.Value, told.GetProperty("device_id").GetGuid());
        Assert.EndsWith("Z", told.GetProperty("created_at").GetString());
        Assert.EndsWith("Z", told.GetProperty("synced_at").GetString());
        Assert.Equal(JsonValueKind.Null, told.GetProperty("resolved_at").ValueKind);
        Assert.Equal("""{"count":1.0,"place":{"lat":52.5},"seen":3,"species":"kestrel","tags":["night"]}""", told.GetProperty("entity").GetProperty("fields").GetRawText());
        Assert.Equal("SYNCED", told.GetProperty("why").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Mutations_are_found_by_each_filter()
    {
        await WriteAsync("a/x/1", e => e.Set("n", 1), "ann");
        await WriteAsync("a/y/1", e => e.Set("n", 2), "bob");
        await LaterThanAsync("a/y/1");
        await WriteAsync("b/x/1", e => e.Set("n", 3), "ann");
        DateTimeOffset between = await LaterThanAsync("b/x/1");
        await Replica.CommitAsync(tx => tx.Delete(EntityKey.Parse("a/y/1")), "ann");
        Assert.Equal(["1", "1", "1", "1"], await IdsAsync("domain: \"a\"", "domain: \"b\""));
        Assert.Equal(2, (await IdsAsync("author: \"ann\", domain: \"a\"")).Length);
        Assert.Single(await IdsAsync("type: DELETE"));
        Assert.Single(await IdsAsync("domain: \"a\", entity_type: \"x\""));
        Assert.Equal(2, (await IdsAsync("domain: \"a\", entity_type: \"y\", entity_id: \"1\"")).Length);
        Assert.Equal(4, (await IdsAsync($"device_id: \"{Replica.Id}\", status: SYNCED", "status: PENDING")).Length);
        Assert.Empty(await IdsAsync($"device_id: \"{Guid.NewGuid()}\""));
        Assert.Equal(2, (await IdsAsync($"created_from: \"{between:O}\"")).Length);
        Assert.Equal(2, (await IdsAsync($"domain: \"a\", created_to: \"{between:O}\"")).Length);
    }

    // Stamps tell milliseconds; what follows shall not be of the same.
    private async Task<DateTimeOffset> LaterThanAsync(string key)
    {
        DateTimeOffset written = Replica.Get(EntityKey.Parse(key))!.UpdatedAt!.Value.Time;
        while (DateTimeOffset.UtcNow < written.AddMilliseconds(1)) await Task.Delay(1);
        return written;
    }

    [Fact]
    public async Task Pages_of_mutations_hold_each_once_in_both_orders_whatever_is_written_meanwhile()
    {
        for (int i = 0; i < 12; i++) await WriteAsync($"a/x/{i:D2}", e => e.Set("n", i));
        foreach (string order in (string[])["OLDEST_FIRST", "NEWEST_FIRST"])
        {
            var seen = new List<string>();
            string? after = null;
            do
            {
                JsonElement page = (await AskAsync(
                    "query($after: String, $order: MutationOrder!) { mutations(filter: { type: CREATE, domain: \"a\" }, order: $order, first: 5, after: $after) "
                        + "{ edges { cursor node { entity_id } } nodes { entity_id } pageInfo { hasNextPage endCursor startCursor } } }",
                    new { after, order })).GetProperty("mutations");
                seen.AddRange(page.GetProperty("nodes").EnumerateArray().Select(n => n.GetProperty("entity_id").GetString()!));
                JsonElement info = page.GetProperty("pageInfo");
                after = info.GetProperty("hasNextPage").GetBoolean() ? info.GetProperty("endCursor").GetString() : null;
                await WriteAsync("c/late/" + Guid.NewGuid(), e => e.Set("n", 0));
            }
            while (after is not null);
            string[] all = [.. Enumerable.Range(0, 12).Select(i => $"{i:D2}")];
            Assert.Equal(order == "OLDEST_FIRST" ? all : all.Reverse(), seen);
        }
    }

    [Fact]
    public async Task Entities_are_narrowed_sorted_and_paged()
    {
        for (int i = 0; i < 7; i++) await WriteAsync($"a/x/{i}", e => e.Set("n", i % 3).Set("name", $"e{i}"));
        await Replica.EnsureIndexAsync("a", "x", "n");
        Assert.Equal(["0", "3", "6"], await EntityIdsAsync("where: \"n = 0\""));
        Assert.Equal(["6", "5", "4", "3", "2", "1", "0"], await EntityIdsAsync("orderBy: \"name\", descending: true"));
        string[] paged = [.. await EntityIdsAsync("first: 3"), .. await EntityIdsAsync($"first: 3, after: \"{await EndAsync("first: 3")}\"")];
        Assert.Equal(["0", "1", "2", "3", "4", "5"], paged);
        // What is added before the place moves nothing.
        string end = await EndAsync("first: 3");
        await WriteAsync("a/x/00", e => e.Set("n", 9));
        Assert.Equal(["3", "4", "5"], await EntityIdsAsync($"first: 3, after: \"{end}\""));
        await FailAsync("INVALID_CURSOR", $$"""{ entities(domain: "a", entityType: "x", orderBy: "n", after: "{{end}}") { nodes { entity_id } } }""");
    }

    [Fact]
    public async Task The_sides_of_a_conflict_tell_who_wrote_what_when_and_where()
    {
        await ContestAsync("a/x/1", "name", "one", "two");
        JsonElement conflict = (await AskAsync(
            "{ conflicts { nodes { id path kind status strategy visible created_at resolved_at siblings { mutation_id value author device_id created_at role } } } }"))
            .GetProperty("conflicts").GetProperty("nodes").EnumerateArray().Single();
        Assert.Equal(("name", "VALUES", "OPEN", "MANUAL"), (Text(conflict, "path"), Text(conflict, "kind"), Text(conflict, "status"), Text(conflict, "strategy")));
        Assert.Equal("two", Text(conflict, "visible"));
        JsonElement[] sides = [.. conflict.GetProperty("siblings").EnumerateArray()];
        Assert.Equal([("two", "bob"), ("one", "ann")], sides.Select(s => (Text(s, "value"), Text(s, "author"))));
        Assert.Equal("CONFLICT", (await AskAsync("query($id: UUID!) { mutation(id: $id) { status } }", new { id = sides[1].GetProperty("mutation_id").GetGuid() }))
            .GetProperty("mutation").GetProperty("status").GetString());

        Conflict standing = Replica.Conflicts().Single();
        await Replica.CommitAsync(tx => tx.Resolve(standing, standing.Siblings[1]), "cleo");
        Assert.Empty((await AskAsync("{ conflicts { nodes { id } } }")).GetProperty("conflicts").GetProperty("nodes").EnumerateArray());
        JsonElement settled = (await AskAsync(
            "{ conflicts(status: RESOLVED) { nodes { id path visible resolved_at siblings { value author } resolution { author value resolved_at mutation { type } } } } }"))
            .GetProperty("conflicts").GetProperty("nodes").EnumerateArray().Single();
        Assert.Equal(("name", "one"), (Text(settled, "path"), Text(settled, "visible")));
        Assert.Equal(("cleo", "RESOLVE"), (Text(settled.GetProperty("resolution"), "author"), Text(settled.GetProperty("resolution").GetProperty("mutation"), "type")));
        Assert.Equal(["ann", "bob"], settled.GetProperty("siblings").EnumerateArray().Select(s => Text(s, "author")).Order());
        JsonElement again = (await AskAsync("query($id: ID!) { conflict(id: $id) { status resolved_at } }", new { id = Text(settled, "id") })).GetProperty("conflict");
        Assert.Equal(Text(settled, "resolved_at"), Text(again, "resolved_at"));
        Assert.Equal(JsonValueKind.Null, (await AskAsync("query($id: ID!) { conflict(id: $id) { status } }", new { id = Text(conflict, "id") })).GetProperty("conflict").ValueKind);
    }

    [Fact]
    public async Task What_a_policy_decided_is_listed_apart_from_what_waits()
    {
        await ContestAsync("a/x/1", "name", "one", "two", isManual: false);
        Assert.Empty((await AskAsync("{ conflicts { nodes { id } } }")).GetProperty("conflicts").GetProperty("nodes").EnumerateArray());
        JsonElement decided = (await AskAsync("{ conflicts(status: DECIDED) { nodes { status strategy visible } } }"))
            .GetProperty("conflicts").GetProperty("nodes").EnumerateArray().Single();
        Assert.Equal(("DECIDED", "LAST_WRITE_WINS", "two"), (Text(decided, "status"), Text(decided, "strategy"), Text(decided, "visible")));
    }

    [Fact]
    public async Task The_history_of_an_entity_tells_what_replaced_what()
    {
        await WriteAsync("a/x/1", e => e.Set("name", "one"), "ann");
        await WriteAsync("a/x/1", e => e.Set("name", "two"), "bob");
        JsonElement[] entries = [.. (await AskAsync(
            """
            { entity(domain: "a", entityType: "x", entityId: "1") { created_at history(field: "name", first: 10) { nodes { created_at mutation { author type status }
                changes { path written { value author } replaced { value author } } } pageInfo { hasNextPage } } } }
            """)).GetProperty("entity").GetProperty("history").GetProperty("nodes").EnumerateArray()];
        Assert.Equal(2, entries.Length);
        JsonElement last = entries[1].GetProperty("changes")[0];
        Assert.Equal(("two", "bob"), (Text(last.GetProperty("written"), "value"), Text(last.GetProperty("written"), "author")));
        Assert.Equal(("one", "ann"), (Text(last.GetProperty("replaced")[0], "value"), Text(last.GetProperty("replaced")[0], "author")));
    }

    [Fact]
    public async Task Status_queues_devices_and_policies_are_told()
    {
        await Replica.CommitAsync(tx => tx.SetPolicy(new PolicyScope("a", "x", "name"), ConflictPolicy.Merge));
        await WriteAsync("a/x/1", e => e.Set("name", "one"), "ann");
        JsonElement all = await AskAsync(
            $$"""
            { syncStatus { mutations pending synced space { name id replica_id } devices { device_id } } ofAnn: syncStatus(user: "ann") { mutations synced }
              deviceQueue(device: "{{Replica.Id}}") { mutations pending synced kind } nobody: deviceQueue(device: "{{Guid.NewGuid()}}") { mutations }
              devices { id kind role state is_this_server fingerprint created_at } policies { scope strategy existence domain entity_type field } space { peers { address } } }
            """);
        Assert.Equal(0, all.GetProperty("syncStatus").GetProperty("pending").GetInt64());
        Assert.Equal(1, all.GetProperty("ofAnn").GetProperty("synced").GetInt64());
        // Its own enrolment, which its first mutation names, the policy and the entity.
        Assert.Equal(3, all.GetProperty("deviceQueue").GetProperty("synced").GetInt64());
        Assert.Equal(JsonValueKind.Null, all.GetProperty("nobody").ValueKind);
        JsonElement device = all.GetProperty("devices").EnumerateArray().Single();
        Assert.True(device.GetProperty("is_this_server").GetBoolean());
        Assert.Equal(("REPLICA", "SERVER", "ACTIVE"), (Text(device, "kind"), Text(device, "role"), Text(device, "state")));
        JsonElement policy = all.GetProperty("policies").EnumerateArray().Single();
        Assert.Equal(("a/x/name", "MERGE"), (Text(policy, "scope"), Text(policy, "strategy")));
    }

    [Fact]
    public async Task A_scope_that_is_narrowed_shows_what_it_names_and_nothing_else()
    {
        await WriteAsync("a/x/1", e => e.Set("n", 1));
        await WriteAsync("a/y/1", e => e.Set("n", 1));
        await WriteAsync("b/x/1", e => e.Set("n", 1));
        const string list = "{ mutations { nodes { domain entity_type } } }";
        Assert.Equal(["a/x"], await NarrowedAsync("offline:read:a:x"));
        Assert.Equal(["a/y", "a/x"], await NarrowedAsync("offline:read:a"));
        Assert.Equal(["b/x", "a/x"], await NarrowedAsync("offline:read:*:x"));
        Assert.Equal(["b/x", "a/y"], await NarrowedAsync("offline:read:a:y:1 offline:read:b"));
        await FailAsync("FORBIDDEN", list, scope: "offline:write");
        await FailAsync("FORBIDDEN", """{ entity(domain: "b", entityType: "x", entityId: "1") { fields } }""", scope: "offline:read:a");
        await FailAsync("FORBIDDEN", "{ devices { id } }", scope: "offline:read:a");
        await FailAsync("FORBIDDEN", "{ space { peers { address } } }", scope: "offline:read:a");
        JsonElement error = await FailAsync("FORBIDDEN", """{ entities(domain: "b", entityType: "x") { nodes { fields } } }""", scope: "offline:read:a");
        Assert.Equal("offline:read:b:x", error.GetProperty("extensions").GetProperty("scope").GetString());

        async Task<IEnumerable<string>> NarrowedAsync(string scope) => (await AskAsync(list, scope: scope)).GetProperty("mutations").GetProperty("nodes")
            .EnumerateArray().Select(n => $"{Text(n, "domain")}/{Text(n, "entity_type")}");
    }

    [Fact]
    public async Task A_role_gives_the_scopes_that_it_stands_for()
    {
        JsonElement answer = await PostAsync("{ space { name } }", null, Issuer.Token("", role: "viewer"));
        Assert.Equal("field", answer.GetProperty("data").GetProperty("space").GetProperty("name").GetString());
        answer = await PostAsync("{ space { name } }", null, Issuer.Token("", role: "passer-by"));
        Assert.Contains("FORBIDDEN", answer.ToString());
    }

    private static string? Text(JsonElement of, string name) => of.GetProperty(name).GetString();

    private async Task<string[]> IdsAsync(params string[] filters)
    {
        var ids = new List<string>();
        foreach (string filter in filters)
        {
            JsonElement nodes = (await AskAsync($$"""{ mutations(filter: { {{filter}} }) { nodes { entity_id domain } } }""")).GetProperty("mutations").GetProperty("nodes");
            ids.AddRange(nodes.EnumerateArray().Where(n => Text(n, "domain") != EntityKey.SpaceDomain).Select(n => Text(n, "entity_id")!));
        }
        return [.. ids];
    }

    private async Task<JsonElement> EntitiesAsync(string arguments) => (await AskAsync(
        $$"""{ entities(domain: "a", entityType: "x", {{arguments}}) { nodes { entity_id } pageInfo { endCursor hasNextPage } } }""")).GetProperty("entities");

    private async Task<string[]> EntityIdsAsync(string arguments) =>
        [.. (await EntitiesAsync(arguments)).GetProperty("nodes").EnumerateArray().Select(n => Text(n, "entity_id")!)];

    private async Task<string> EndAsync(string arguments) => (await EntitiesAsync(arguments)).GetProperty("pageInfo").GetProperty("endCursor").GetString()!;
}
