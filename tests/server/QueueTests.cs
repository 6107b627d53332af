using System.Text.Json;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.ThinClients;
using Microsoft.Extensions.DependencyInjection;

namespace Crdt.Server.Tests;

public sealed class QueueTests : ServerTest
{
    private const string Queue = """
        mutation($device: UUID!, $mutations: [MutationInput!]!) { queueMutations(device: $device, mutations: $mutations)
            { request_id sequence is_repeated mutation { id status author device_id device_sequence request_id context type entity { version fields } } } }
        """;

    private readonly Guid device = Guid.NewGuid();

    [Fact]
    public async Task What_is_sent_twice_is_done_once_also_after_a_restart()
    {
        await RegisterAsync();
        object input = Input("CREATE", "1", """{"n":1,"seen":{"$increment":2},"tags":{"$add":["a"]}}""");
        JsonElement first = (await QueueAsync(input))[0];
        Assert.Equal(("SYNCED", "mia", 1), (Text(Of(first), "status"), Text(Of(first), "author"), first.GetProperty("sequence").GetInt64()));
        Assert.Equal("""{"n":1,"seen":2,"tags":["a"]}""", Of(first).GetProperty("entity").GetProperty("fields").GetRawText());
        Assert.Equal("""{"app":1}""", Of(first).GetProperty("context").GetRawText());
        Assert.Equal(device, Of(first).GetProperty("device_id").GetGuid());
        foreach (bool restarts in (bool[])[false, true])
        {
            if (restarts)
            {
                await StopAsync();
                await StartAsync();
            }
            JsonElement again = (await QueueAsync(input))[0];
            Assert.True(again.GetProperty("is_repeated").GetBoolean());
            Assert.Equal(Text(Of(first), "id"), Text(Of(again), "id"));
        }
        Assert.Equal(2, Replica.Get(EntityKey.Parse("a/x/1"))!.GetInteger("seen"));
        Assert.Equal(2, (await QueueAsync(Input("UPDATE", "1", """{"n":2}""")))[0].GetProperty("sequence").GetInt64());
    }

    [Fact]
    public async Task Without_its_book_the_server_knows_from_the_log_what_was_sent()
    {
        await RegisterAsync();
        object input = Input("CREATE", "1", """{"n":1}""");
        await QueueAsync(input);
        await StopAsync();
        File.Delete(Path.Combine(Data, "requests.db"));
        File.Delete(Path.Combine(Data, "requests-log.db"));
        await StartAsync();
        Assert.True((await QueueAsync(input))[0].GetProperty("is_repeated").GetBoolean());
    }

    [Fact]
    public async Task The_same_request_from_many_sides_at_once_is_done_once()
    {
        await RegisterAsync();
        await QueueAsync(Input("CREATE", "1", """{"n":0}"""));
        object input = Input("UPDATE", "1", """{"seen":{"$increment":1}}""");
        JsonElement[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => QueueAsync(input)));
        Assert.Single(answers.Select(a => Text(Of(a[0]), "id")).Distinct());
        Assert.Equal(1, Replica.Get(EntityKey.Parse("a/x/1"))!.GetInteger("seen"));
    }

    [Fact]
    public async Task How_far_a_device_has_come_never_goes_back_while_the_book_is_written()
    {
        await RegisterAsync();
        ThinQueue queue = App.Services.GetRequiredService<ThinQueue>();
        RequestBook book = App.Services.GetRequiredService<RequestBook>();
        var caller = new Caller("mia", "test", [new Scope(ScopeVerb.Write)], null);
        using var stop = new CancellationTokenSource();
        Task reading = Task.Run(() =>
        {
            for (long last = 0; !stop.IsCancellationRequested;)
            {
                long next = book.LastOf(device);
                Assert.True(next >= last, $"From {last} to {next}");
                last = next;
            }
        });
        for (long n = 1; n <= 150 && !reading.IsFaulted; n++)
        {
            var input = new MutationInput
            {
                RequestId = Guid.NewGuid(),
                Type = n == 1 ? MutationType.Create : MutationType.Update,
                Domain = "a",
                EntityType = "x",
                EntityId = "1",
                Sequence = n,
                Payload = Value.ObjectOf([new("n", n)]),
            };
            Assert.Equal(n, (await queue.QueueAsync(caller, device, [input], CancellationToken.None))[0].Sequence);
        }
        await stop.CancelAsync();
        await reading;
    }

    [Fact]
    public async Task A_batch_is_done_in_order_as_a_whole_or_not_at_all()
    {
        await RegisterAsync();
        await FailQueueAsync("NOT_FOUND", Input("CREATE", "1", """{"n":1}"""), Input("UPDATE", "2", """{"n":1}"""));
        Assert.Null(Replica.Get(EntityKey.Parse("a/x/1")));
        JsonElement done = await QueueAsync(Input("CREATE", "1", """{"n":1}""", sequence: 1), Input("UPDATE", "1", """{"n":2,"m":3}"""),
            Input("UPDATE", "1", """{"m":null}""", sequence: 3));
        Assert.Equal([1, 2, 3], done.EnumerateArray().Select(d => d.GetProperty("sequence").GetInt32()));
        Assert.Equal("""{"n":2}""", Replica.Get(EntityKey.Parse("a/x/1"))!.ToJson());
    }

    [Fact]
    public async Task A_gap_a_place_that_is_taken_and_an_id_that_was_used_otherwise_are_refused()
    {
        await RegisterAsync();
        Guid id = Guid.NewGuid();
        await QueueAsync(Input("CREATE", "1", """{"n":1}""", id: id));
        Assert.Equal(2, (await FailQueueAsync("SEQUENCE_GAP", Input("UPDATE", "1", """{"n":2}""", sequence: 3)))
            .GetProperty("extensions").GetProperty("expected").GetInt64());
        Assert.Equal(id.ToString(), (await FailQueueAsync("SEQUENCE_TAKEN", Input("UPDATE", "1", """{"n":2}""", sequence: 1)))
            .GetProperty("extensions").GetProperty("taken_by").GetString());
        await FailQueueAsync("REQUEST_ID_REUSED", Input("UPDATE", "2", """{"n":2}""", id: id));
        await FailQueueAsync("ALREADY_EXISTS", Input("CREATE", "1", """{"n":2}"""));
        await FailQueueAsync("INVALID_ARGUMENT", Input("UPDATE", "1", """{"n":{"$increment":"x"}}"""));
        await FailQueueAsync("INVALID_ARGUMENT", Input("DELETE", "1", """{"n":2}"""));
        await FailQueueAsync("INVALID_ARGUMENT", Input("UPDATE", "1", """{"n":2}""", version: "zz"));
    }

    [Fact]
    public async Task What_was_written_since_the_version_that_was_seen_is_concurrent_and_the_devices_own_is_not()
    {
        await RegisterAsync();
        await Replica.CommitAsync(tx => tx.SetPolicy(new PolicyScope("a"), ConflictPolicy.Manual));
        string version = Text(Of((await QueueAsync(Input("CREATE", "1", """{"n":0,"m":0}""")))[0]).GetProperty("entity"), "version")!;
        await WriteAsync("a/x/1", e => e.Set("n", 5), "bob");
        // Twice, having read once: what it wrote itself it knows, what bob wrote it does not.
        await QueueAsync(Input("UPDATE", "1", """{"m":1,"n":1}""", version: version));
        await QueueAsync(Input("UPDATE", "1", """{"m":2,"n":2}""", version: version), Input("UPDATE", "1", """{"m":3,"n":3}""", version: version));
        Conflict conflict = Assert.Single(Replica.Conflicts());
        Assert.Equal(["3", "5"], conflict.Siblings.Select(s => s.Value.ToString()).Order());
        Assert.Equal("n", conflict.Path.ToString());
        Assert.Equal(3, Replica.Get(EntityKey.Parse("a/x/1"))!.GetInteger("m"));
        JsonElement queue = (await AskAsync($$"""{ deviceQueue(device: "{{device}}") { kind mutations synced conflict pending failed } }""")).GetProperty("deviceQueue");
        Assert.Equal("""{"kind":"THIN","mutations":4,"synced":3,"conflict":1,"pending":0,"failed":0}""", queue.GetRawText());
    }

    [Fact]
    public async Task A_delete_that_did_not_see_the_last_update_yields_to_it()
    {
        await RegisterAsync();
        string version = Text(Of((await QueueAsync(Input("CREATE", "1", """{"n":0}""")))[0]).GetProperty("entity"), "version")!;
        await WriteAsync("a/x/1", e => e.Set("n", 5), "bob");
        await QueueAsync(Input("DELETE", "1", null, version: version));
        Assert.NotNull(Replica.Get(EntityKey.Parse("a/x/1")));
        await QueueAsync(Input("DELETE", "1", null));
        Assert.Null(Replica.Get(EntityKey.Parse("a/x/1")));
    }

    [Fact]
    public async Task What_changes_nothing_keeps_its_place_and_its_id()
    {
        await RegisterAsync();
        await QueueAsync(Input("CREATE", "1", """{"n":0}"""));
        object nothing = Input("UPDATE", "1", """{"gone":null}""", sequence: 2);
        JsonElement first = (await QueueAsync(nothing))[0], again = (await QueueAsync(nothing))[0];
        Assert.Equal((2, 2), (first.GetProperty("sequence").GetInt32(), again.GetProperty("sequence").GetInt32()));
        Assert.True(again.GetProperty("is_repeated").GetBoolean());
        Assert.Equal(3, (await QueueAsync(Input("UPDATE", "1", """{"n":1}""", sequence: 3)))[0].GetProperty("sequence").GetInt32());
    }

    [Fact]
    public async Task Only_a_registered_device_sends_and_a_revoked_or_retired_one_no_more()
    {
        await FailQueueAsync("DEVICE_NOT_ACTIVE", Input("CREATE", "1", """{"n":1}"""));
        await RegisterAsync(scope: "offline:write offline:read");
        object input = Input("CREATE", "1", """{"n":1}""");
        await QueueAsync(input);
        await FailAsync("FORBIDDEN", """mutation($id: UUID!) { revokeDevice(id: $id) { state } }""", new { id = device }, "offline:write offline:read");
        JsonElement retired = await AskAsync("""mutation($id: UUID!) { retireDevice(id: $id) { state owner name kind created_at } }""", new { id = device }, "offline:write offline:read");
        Assert.Equal(("RETIRED", "mia", "phone"), (Text(retired.GetProperty("retireDevice"), "state"), Text(retired.GetProperty("retireDevice"), "owner"),
            Text(retired.GetProperty("retireDevice"), "name")));
        await FailQueueAsync("DEVICE_NOT_ACTIVE", Input("UPDATE", "1", """{"n":2}"""));
        // What it had sent it is still told of.
        Assert.True((await QueueAsync(input))[0].GetProperty("is_repeated").GetBoolean());
        JsonElement revoked = await AskAsync("""mutation($id: UUID!) { revokeDevice(id: $id) { state } }""", new { id = device });
        Assert.Equal("REVOKED", Text(revoked.GetProperty("revokeDevice"), "state"));
    }

    [Fact]
    public async Task A_narrowed_scope_writes_what_it_names_alone_and_nobody_the_spaces_own_data()
    {
        await RegisterAsync();
        await FailQueueAsAsync("FORBIDDEN", "offline:write:a:y offline:read", Input("CREATE", "1", """{"n":1}"""));
        await FailQueueAsAsync("FORBIDDEN", "offline:read", Input("CREATE", "1", """{"n":1}"""));
        await FailAsync("FORBIDDEN", Queue, new
        {
            device,
            mutations = new[] { new { request_id = Guid.NewGuid(), type = "CREATE", domain = "$space", entity_type = "grant", entity_id = "mia" } },
        });
        await QueueAsAsync("offline:write:a:x:1 offline:read", Input("CREATE", "1", """{"n":1}"""));
    }

    [Fact]
    public async Task A_device_with_a_replica_is_enrolled_by_its_key_and_ended()
    {
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        object input = new { id = device, public_key = Convert.ToBase64String(key.PublicKey.Span), owner = "ann", role = "CLIENT" };
        const string register = """mutation($device: DeviceInput!) { registerDevice(device: $device) { kind role state owner fingerprint } }""";
        await FailAsync("FORBIDDEN", register, new { device = input }, "offline:write offline:read");
        for (int i = 0; i < 2; i++)
        {
            JsonElement told = (await AskAsync(register, new { device = input })).GetProperty("registerDevice");
            Assert.Equal(("REPLICA", "CLIENT", "INVITED", "ann"), (Text(told, "kind"), Text(told, "role"), Text(told, "state"), Text(told, "owner")));
        }
        Assert.Equal(NodeStanding.Enrolled, Replica.StandingOf(key.PublicKey.Span));
        await AskAsync("""mutation($id: UUID!) { revokeDevice(id: $id) { state } }""", new { id = device });
        Assert.Equal(NodeStanding.Revoked, Replica.StandingOf(key.PublicKey.Span));
        await FailAsync("NOT_FOUND", """mutation($id: UUID!) { revokeDevice(id: $id) { state } }""", new { id = Guid.NewGuid() });
    }

    private static string? Text(JsonElement of, string name) => of.GetProperty(name).GetString();

    private static JsonElement Of(JsonElement result) => result.GetProperty("mutation");

    private static object Input(string type, string entity, string? payload, long? sequence = null, string? version = null, Guid? id = null) => new
    {
        request_id = id ?? Guid.NewGuid(),
        sequence,
        type,
        domain = "a",
        entity_type = "x",
        entity_id = entity,
        payload = payload is null ? (JsonElement?)null : JsonDocument.Parse(payload).RootElement,
        base_version = version,
        context = new { app = 1 },
    };

    private async Task RegisterAsync(string scope = Everything) =>
        await AskAsync("mutation($device: DeviceInput!) { registerDevice(device: $device) { state } }", new { device = new { id = device, name = "phone" } }, scope);

    private Task<JsonElement> QueueAsync(params object[] mutations) => QueueAsAsync(Everything, mutations);

    private async Task<JsonElement> QueueAsAsync(string scope, params object[] mutations) =>
        (await AskAsync(Queue, new { device, mutations }, scope)).GetProperty("queueMutations");

    private Task<JsonElement> FailQueueAsync(string code, params object[] mutations) => FailQueueAsAsync(code, Everything, mutations);

    private Task<JsonElement> FailQueueAsAsync(string code, string scope, params object[] mutations) => FailAsync(code, Queue, new { device, mutations }, scope);
}
