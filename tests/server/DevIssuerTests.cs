using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Crdt.Server.DevIssuer;
using Crdt.Server.Hosting;

namespace Crdt.Server.Tests;

/// <summary>The issuer that the server brings along for development.</summary>
public sealed class DevIssuerTests : ServerTest
{
    private static readonly HttpClient Client = new(new HttpClientHandler { AllowAutoRedirect = false });

    protected override string[] IssuerArguments => ["--dev"];

    [Fact]
    public async Task A_program_gets_a_token_for_its_secret_also_one_that_is_narrowed()
    {
        JsonElement given = await GrantAsync(Credentials("offline:read:a offline:write:a:x"));
        string token = given.GetProperty("access_token").GetString()!;
        Assert.Contains("\"field\"", (await PostAsync("{ space { name } }", null, token)).ToString());
        Assert.Contains("FORBIDDEN", (await PostAsync("{ devices { id } }", null, token)).ToString());
        await StopAsync();
        await StartAsync();
        Assert.Contains("\"field\"", (await PostAsync("{ space { name } }", null, token)).ToString());
    }

    [Fact]
    public async Task A_wrong_secret_and_an_unknown_scope_are_refused()
    {
        Dictionary<string, string> wrong = Credentials("offline:read");
        wrong["client_secret"] = "guessed";
        Assert.Equal("invalid_client", (await GrantAsync(wrong)).GetProperty("error").GetString());
        Assert.Equal("invalid_scope", (await GrantAsync(Credentials("offline:everything"))).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_person_approves_a_device_code_once_and_the_token_speaks_for_that_person()
    {
        JsonElement asked = await ReadAsync(await Client.PostAsync(Address + "/connect/device", Form(("client_id", DevIssuerSetup.PersonClient), ("scope", "offline_access"))));
        var poll = new Dictionary<string, string>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
            ["client_id"] = DevIssuerSetup.PersonClient,
            ["device_code"] = asked.GetProperty("device_code").GetString()!,
        };
        Assert.Equal("authorization_pending", (await GrantAsync(poll)).GetProperty("error").GetString());
        string page = Address + "/connect/verify?user_code=" + asked.GetProperty("user_code").GetString();
        Assert.Contains("believes who you say you are", await Client.GetStringAsync(page));
        using HttpResponseMessage unknown = await Client.PostAsync(
            Address + "/connect/verify", Form(("user_code", "0000-0000-0000"), ("user", "mia"), ("role", "administrator")));
        Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
        using HttpResponseMessage approved = await Client.PostAsync(
            Address + "/connect/verify", Form(("user_code", asked.GetProperty("user_code").GetString()!), ("user", "cleo"), ("role", "supervisor")));
        Assert.Equal(HttpStatusCode.Found, approved.StatusCode);
        JsonElement given = await GrantAsync(poll);
        string token = given.GetProperty("access_token").GetString()!;
        Guid device = Guid.NewGuid();
        JsonElement told = await PostAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { owner } }", new { d = new { id = device } }, token);
        Assert.Contains("cleo", told.ToString());
        Assert.Contains("FORBIDDEN", (await PostAsync("mutation($id: UUID!) { revokeDevice(id: $id) { state } }", new { id = device }, token)).ToString());
        Assert.Equal("invalid_grant", (await GrantAsync(poll)).GetProperty("error").GetString());
        JsonElement refreshed = await GrantAsync(new()
        {
            ["grant_type"] = "refresh_token",
            ["client_id"] = DevIssuerSetup.PersonClient,
            ["refresh_token"] = given.GetProperty("refresh_token").GetString()!,
        });
        Assert.Contains("\"field\"", (await PostAsync("{ space { name } }", null, refreshed.GetProperty("access_token").GetString()!)).ToString());
    }

    [Theory]
    [InlineData("Production", "http://127.0.0.1:0", "does not run in Production")]
    [InlineData("Development", "http://0.0.0.0:0", "only on this machine")]
    public async Task It_does_not_run_in_production_or_where_others_reach_it(string environment, string address, string problem)
    {
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => CrdtServer.CreateAsync(
            ["--data", Data + "-other", "--http", address, "--environment", environment, "--Crdt:DevIssuer:Enabled=true"]));
        Assert.Contains(problem, refused.Message);
        Assert.False(Directory.Exists(Data + "-other"));
    }

    private Dictionary<string, string> Credentials(string scope) => new()
    {
        ["grant_type"] = "client_credentials",
        ["client_id"] = DevIssuerSetup.ProgramClient,
        ["client_secret"] = DevIssuerSetup.SecretIn(Data),
        ["scope"] = scope,
    };

    private async Task<JsonElement> GrantAsync(Dictionary<string, string> request) =>
        await ReadAsync(await Client.PostAsync(Address + "/connect/token", new FormUrlEncodedContent(request)));

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        using (response) return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) => new(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
}
