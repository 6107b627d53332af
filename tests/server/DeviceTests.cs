using System.Net;
using System.Text.Json;
using Crdt.Server.Hosting;
using Crdt.Transport;
using Microsoft.Extensions.DependencyInjection;

namespace Crdt.Server.Tests;

/// <summary>A device with a replica of its own, over TLS, and what the server makes of what it brings.</summary>
public sealed class DeviceTests : ServerTest
{
    protected override string[] Arguments => ["--listen", "127.0.0.1:0"];

    [Fact]
    public async Task A_device_replicates_with_a_token_and_not_without_and_what_it_wrote_meanwhile_waits()
    {
        await using Device device = await EnrolAsync();
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("a/x/1")).Set("n", 1), "mia");
        foreach (string? token in (string?[])[null, "nonsense", Issuer.Token(Everything, expires: DateTime.UtcNow.AddMinutes(-5)), Issuer.Token("offline:read:a offline:write")])
        {
            device.Token = token;
            WireException refused = await Assert.ThrowsAsync<WireException>(() => device.MeetAsync(Peers));
            Assert.True(refused.Error is WireError.AccessTokenRefused or WireError.Penalised, refused.Message);
            Assert.Null(Replica.Get(EntityKey.Parse("a/x/1")));
        }
        device.Token = Issuer.Token("offline:read offline:write");
        await UntilAsync(async () =>
        {
            try
            {
                await device.MeetAsync(Peers);
                return true;
            }
            catch (WireException e) when (e.Error == WireError.Penalised)
            {
                return false;
            }
        });
        Assert.Equal(1, Replica.Get(EntityKey.Parse("a/x/1"))!.GetInteger("n"));
        JsonElement grants = (await AskAsync("{ grants { user scopes } }")).GetProperty("grants");
        Assert.Equal("""[{"user":"mia","scopes":["offline:read","offline:write"]},{"user":"setup","scopes":["offline:read"]}]""", grants.GetRawText());
    }

    [Fact]
    public async Task What_is_out_of_scope_is_refused_with_its_reason_kept_and_sent_again_by_a_supervisor()
    {
        await using Device device = await EnrolAsync();
        device.Token = Issuer.Token("offline:read offline:write:a");
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("a/x/1")).Set("n", 1), "mia");
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("b/x/1")).Set("n", 1).Set("m", 1), "mia");
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("b/x/2")).Set("n", 1), "mia");
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("b/x/3")).Set("n", 1), "mia");
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("a/x/2")).Set("n", 1), "bob");
        await device.MeetAsync(Peers);
        Assert.NotNull(Replica.Get(EntityKey.Parse("a/x/1")));
        Assert.Null(Replica.Get(EntityKey.Parse("b/x/1")));
        Assert.Null(Replica.Get(EntityKey.Parse("a/x/2")));
        await UntilAsync(() => device.Replica.Refusals().Count() == 4);
        Assert.All(device.Replica.Refusals(), r => Assert.Equal(RefusalCode.ScopeMissing, r.Code));

        JsonElement[] refused = [.. (await AskAsync("{ refusals { nodes { mutation_id author code reason handling work { entity_id path value } } } }"))
            .GetProperty("refusals").GetProperty("nodes").EnumerateArray()];
        Assert.Equal(4, refused.Length);
        JsonElement first = Find("b/x/1", "'offline:write:b:x:1'"), second = Find("b/x/2", "b:x:2"), third = Find("b/x/3", "b:x:3");
        Find("a/x/2", "no grants");
        Assert.Equal("FAILED", Text((await AskAsync("query($id: UUID!) { mutation(id: $id) { status resolved_at refusal { code } why { code } } }", new { id = Id(first) }))
            .GetProperty("mutation"), "status"));

        const string edit = "mutation($id: UUID!, $c: [ChangeInput!]!) { editAndResubmit(mutation: $id, changes: $c) { author status payload } }";
        object[] changes = [new { domain = "b", entity_type = "x", entity_id = "1", payload = new { n = 2 } }];
        await FailAsync("FORBIDDEN", edit, new { id = Id(first), c = changes }, "offline:read offline:write", "zoe");
        await FailAsync("FORBIDDEN", edit, new { id = Id(first), c = changes }, "offline:read offline:write:a", "mia");
        JsonElement sent = (await AskAsync(edit, new { id = Id(first), c = changes }, subject: "cleo")).GetProperty("editAndResubmit")[0];
        Assert.Equal(("cleo", "SYNCED"), (Text(sent, "author"), Text(sent, "status")));
        Assert.Equal("""{"m":1,"n":2}""", Replica.Get(EntityKey.Parse("b/x/1"))!.ToJson());
        await FailAsync("INVALID_MUTATION", edit, new { id = Id(first), c = changes });

        JsonElement given = (await AskAsync("mutation($id: UUID!) { reassign(mutation: $id, assignee: \"dan\") { handling assignee handled_by } }", new { id = Id(second) }, subject: "cleo"))
            .GetProperty("reassign");
        Assert.Equal("""{"handling":"REASSIGNED","assignee":"dan","handled_by":"cleo"}""", given.GetRawText());
        await AskAsync("mutation($id: UUID!) { retry(mutation: $id) { status } }", new { id = Id(second) }, "offline:read offline:write", "dan");
        Assert.NotNull(Replica.Get(EntityKey.Parse("b/x/2")));
        JsonElement gone = (await AskAsync("mutation($id: UUID!) { discard(mutation: $id) { handling resolved_at } }", new { id = Id(third) }, "offline:read", "mia")).GetProperty("discard");
        Assert.Equal("DISCARDED", Text(gone, "handling"));
        Assert.EndsWith("Z", Text(gone, "resolved_at"));
        Assert.Single((await AskAsync("{ refusals { nodes { author } } }")).GetProperty("refusals").GetProperty("nodes").EnumerateArray());
        await FailAsync("NOT_FOUND", "mutation($id: UUID!) { retry(mutation: $id) { status } }", new { id = Guid.NewGuid() });

        JsonElement Find(string entity, string reason) => refused.Single(r => r.GetProperty("reason").GetString()!.Contains(reason, StringComparison.Ordinal)
            && r.GetProperty("work")[0].GetProperty("entity_id").GetString() == entity.Split('/')[2]);
    }

    [Fact]
    public async Task Grants_that_are_taken_away_hold_from_then_on()
    {
        await using Device device = await EnrolAsync();
        device.Token = Issuer.Token("offline:read offline:write", "ann");
        await device.MeetAsync(Peers);
        const string set = "mutation($s: [String!]!) { setGrant(user: \"bob\", scopes: $s) { user scopes } }";
        await FailAsync("FORBIDDEN", set, new { s = Array.Empty<string>() }, "offline:admin:a");
        await FailAsync("INVALID_ARGUMENT", set, new { s = new[] { "everything" } });
        await AskAsync(set, new { s = new[] { "offline:write:a" } });
        await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("a/x/1")).Set("n", 1), "bob");
        await UntilAsync(() => Replica.Get(EntityKey.Parse("a/x/1")) is not null);
        await AskAsync(set, new { s = Array.Empty<string>() });
        CommitResult late = await device.Replica.CommitAsync(tx => tx.Update(EntityKey.Parse("a/x/1")).Set("n", 2), "bob");
        await UntilAsync(() => Replica.FindRefusal(late.First) is not null);
        Assert.Equal(1, Replica.Get(EntityKey.Parse("a/x/1"))!.GetInteger("n"));
    }

    private static string? Text(JsonElement of, string name) => of.GetProperty(name).GetString();

    private static Guid Id(JsonElement refusal) => refusal.GetProperty("mutation_id").GetGuid();
}
