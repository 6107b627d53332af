using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Crdt.Bench.LoadRuns;

/// <summary>Asks a server by GraphQL, again and again until it answers: it may be dead at the moment.</summary>
internal sealed class LoadApi(LoadServer server) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50), GiveUpAfter = TimeSpan.FromSeconds(120);

    private readonly HttpClient client = new() { Timeout = TimeSpan.FromSeconds(10) };
    private string? token;

    /// <summary>Asks until there is an answer; how many attempts it took.</summary>
    public async Task<(JsonElement Data, int Attempts)> AskAsync(string query, object variables)
    {
        long begun = TimeProvider.System.GetTimestamp();
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return (await TryAskAsync(query, variables), attempt);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException or IOException)
            {
                if (TimeProvider.System.GetElapsedTime(begun) > GiveUpAfter) throw;
                await Task.Delay(Pause);
            }
        }
    }

    /// <summary>A token of the server's own issuer; null while it is dead.</summary>
    public async Task<string?> TryTokenAsync()
    {
        try
        {
            return token ??= await TokenAsync();
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException or IOException)
        {
            return null;
        }
    }

    public void Dispose() => client.Dispose();

    private async Task<JsonElement> TryAskAsync(string query, object variables)
    {
        token ??= await TokenAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Address + "/graphql") { Content = JsonContent.Create(new { query, variables }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await client.SendAsync(request);
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        if (!answer.TryGetProperty("errors", out JsonElement errors)) return answer.GetProperty("data");
        string? code = errors[0].GetProperty("extensions").GetProperty("code").GetString();
        // It was enrolled a moment ago, and has not heard of it, or it stops.
        if (code is "SERVER_CANNOT_WRITE" or "INTERNAL") throw new HttpRequestException(code);
        throw new InvalidOperationException(errors.GetRawText());
    }

    private async Task<string> TokenAsync()
    {
        using HttpResponseMessage response = await client.PostAsync(server.Address + "/connect/token", new FormUrlEncodedContent(
            [new("grant_type", "client_credentials"), new("client_id", "dev"), new("client_secret", server.Secret)]));
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
    }
}
