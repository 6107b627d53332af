using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Investigation;

/// <summary>Somebody with a token, who speaks with the office's GraphQL interface.</summary>
internal sealed class Person
{
    private static readonly HttpClient Client = new();

    private readonly string address;

    private Person(string name, string address, string token) => (Name, this.address, Token) = (name, address, token);

    public string Name { get; }

    /// <summary>The access token: what it gives is what its bearer may do, here and on a device.</summary>
    public string Token { get; }

    /// <summary>Signs in by a device code (RFC 8628), and approves it at once, as somebody would on the page beside it. The office runs with the issuer for
    /// development, which believes who one says one is.</summary>
    public static async Task<Person> SignInAsync(string address, string name, string role)
    {
        JsonElement asked = await FormAsync("/connect/device", ("client_id", "dashboard"));
        using HttpResponseMessage approved = await Client.PostAsync(address + "/connect/verify", new FormUrlEncodedContent(
            [new("user_code", asked.GetProperty("user_code").GetString()), new("user", name), new("role", role)]));
        approved.EnsureSuccessStatusCode();
        JsonElement given = await FormAsync("/connect/token", ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("client_id", "dashboard"),
            ("device_code", asked.GetProperty("device_code").GetString()!));
        return new Person(name, address, given.GetProperty("access_token").GetString()!);

        async Task<JsonElement> FormAsync(string path, params (string Name, string Value)[] fields)
        {
            using HttpResponseMessage response = await Client.PostAsync(address + path, new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value))));
            response.EnsureSuccessStatusCode();
            return await response.Content.ReadFromJsonAsync<JsonElement>();
        }
    }

    /// <summary>Asks the office.</summary>
    /// <exception cref="InvestigationException">It refused; its reason is told.</exception>
    public async Task<JsonElement> AskAsync(string query, object? variables = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address + "/graphql") { Content = JsonContent.Create(new { query, variables }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        using HttpResponseMessage response = await Client.SendAsync(request);
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        return answer.TryGetProperty("errors", out JsonElement errors)
            ? throw new InvestigationException($"{Name}: {errors[0].GetProperty("extensions").GetProperty("code")}: {errors[0].GetProperty("message")}")
            : answer.GetProperty("data");
    }
}
