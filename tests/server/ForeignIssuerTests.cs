using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Crdt.Integration.Discovery;

namespace Crdt.Server.Tests;

/// <summary>Tokens of issuers that others wrote.</summary>
public sealed class ForeignIssuerTests : ServerTest
{
    private string issuer = "http://127.0.0.1:1";

    protected override string[] IssuerArguments => ["--issuer", issuer];

    [ComponentFact("node", "npm")]
    public async Task The_package_oauth2_mock_server_is_believed_follows_its_keys_and_need_not_be_there_any_more()
    {
        (Lines lines, Process process, string token) = await BeginAsync("mock", "offline:read:a");
        await using (lines)
        {
            Assert.Contains("field", (await PostAsync("{ space { name } }", null, token)).ToString());
            Assert.Contains("FORBIDDEN", (await PostAsync("{ devices { id } }", null, token)).ToString());
            await process.StandardInput.WriteLineAsync("rotate");
            string rotated = Token(await lines.WaitAsync(l => l.StartsWith('{'), "a token of another key"));
            Assert.Contains("field", (await PostAsync("{ space { name } }", null, rotated)).ToString());
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            Assert.Contains("field", (await PostAsync("{ space { name } }", null, rotated)).ToString());
        }
    }

    [ComponentFact("node", "npm")]
    public async Task The_package_oidc_provider_is_believed()
    {
        (Lines lines, Process process, string token) = await BeginAsync("oidc", "offline:read offline:write");
        await using (lines)
        {
            Assert.Contains("\"at\\u002Bjwt\"", JsonSerializer.Serialize(JsonDocument.Parse(Base64(token.Split('.')[0])).RootElement.GetProperty("typ").GetString()));
            JsonElement answer = await PostAsync(
                "mutation($device: DeviceInput!) { registerDevice(device: $device) { owner } }", new { device = new { id = Guid.NewGuid() } }, token);
            Assert.Equal("app", answer.GetProperty("data").GetProperty("registerDevice").GetProperty("owner").GetString());
            process.StandardInput.Close();
        }
    }

    [Fact]
    public async Task Without_an_issuer_that_answers_nobody_gets_in()
    {
        using HttpResponseMessage response = await SendAsync("{ space { name } }", null, Issuer.Token(Everything));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    private async Task<(Lines, Process, string Token)> BeginAsync(string kind, string scope)
    {
        Process process = Process.Start(new ProcessStartInfo("node", [Path.Combine(await NodePackages.DirectoryAsync(), "issuers.mjs"), kind, scope])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var lines = new Lines(process);
        string told = await lines.WaitAsync(l => l.StartsWith('{'), "the issuer answers");
        issuer = JsonDocument.Parse(told).RootElement.GetProperty("issuer").GetString()!;
        await StopAsync();
        await StartAsync();
        return (lines, process, Token(told));
    }

    private static string Token(string told) => JsonDocument.Parse(told).RootElement.GetProperty("token").GetString()!;

    private static byte[] Base64(string text) => System.Buffers.Text.Base64Url.DecodeFromChars(text);
}
