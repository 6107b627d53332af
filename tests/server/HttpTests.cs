using System.Net;
using System.Text;
using System.Text.Json;

namespace Crdt.Server.Tests;

public sealed class HttpTests : ServerTest
{
    [ComponentFact("node", "npm")]
    public async Task Every_audit_of_the_package_graphql_http_passes()
    {
        (int exitCode, string output, string error) = await NodePackages.RunAsync("audit.mjs", Address + "/graphql", Issuer.Token(Everything));
        Assert.True(exitCode == 0, output + error);
        Assert.True(output.Split('\n').Count(l => l.StartsWith("ok ", StringComparison.Ordinal)) >= 61, output);
    }

    [Theory]
    [InlineData(null, "An access token is needed")]
    [InlineData("nonsense", "cannot be believed")]
    public async Task Without_a_token_that_is_believed_nothing_is_answered(string? token, string problem)
    {
        using HttpResponseMessage response = await SendAsync("{ space { name } }", null, token);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("Bearer", response.Headers.WwwAuthenticate.ToString());
        string body = await response.Content.ReadAsStringAsync();
        Assert.Contains("UNAUTHENTICATED", body);
        Assert.Contains(problem, body);
    }

    [Fact]
    public async Task A_token_that_ended_is_of_another_audience_issuer_or_type_or_was_changed_is_not_believed()
    {
        string good = Issuer.Token(Everything);
        await using TestIssuer stranger = await TestIssuer.StartAsync();
        string[] bad =
        [
            Issuer.Token(Everything, expires: DateTime.UtcNow.AddMinutes(-1)), Issuer.Token(Everything, audience: "another"), Issuer.Token(Everything, type: "dpop+jwt"),
            stranger.Token(Everything), stranger.Token(Everything, issuer: Issuer.Address),
            good[..^10] + (good[^10] == 'A' ? 'B' : 'A') + good[^9..], Unsigned(good),
        ];
        foreach (string token in bad)
        {
            using HttpResponseMessage response = await SendAsync("{ space { name } }", null, token);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
        using HttpResponseMessage believed = await SendAsync("{ space { name } }", null, good);
        Assert.Equal(HttpStatusCode.OK, believed.StatusCode);
    }

    [Fact]
    public async Task A_key_that_the_issuer_changed_is_followed()
    {
        await AskAsync("{ space { name } }");
        Issuer.Rotate();
        JsonElement answer = await AskAsync("{ space { name } }");
        Assert.Equal("field", answer.GetProperty("space").GetProperty("name").GetString());
    }

    [Fact]
    public async Task What_is_too_deep_too_wide_or_too_long_is_refused_before_it_is_run()
    {
        string deep = "{ mutations { nodes { entity { conflicts { entity { conflicts { entity { conflicts { entity { conflicts { entity { conflicts { id } } } } } } } } } } } } }";
        JsonElement error = await FailAsync("TOO_COMPLEX", deep);
        Assert.Contains("levels", error.GetProperty("message").GetString());
        await FailAsync("TOO_COMPLEX", "{ mutations(first: 200) { nodes { entity { history(first: 200) { nodes { changes { path } } } } } } }");
        using HttpResponseMessage response = await SendAsync("{ space { name } } #" + new string('x', 3 << 20), null, Issuer.Token(Everything));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Theory]
    [InlineData("{ nothing }", "BAD_REQUEST")]
    [InlineData("{ space { name }", "BAD_REQUEST")]
    [InlineData("{ mutations(first: 0) { nodes { id } } }", "INVALID_ARGUMENT")]
    [InlineData("{ mutations(first: 201) { nodes { id } } }", "INVALID_ARGUMENT")]
    [InlineData("{ mutations(after: \"!!\") { nodes { id } } }", "INVALID_CURSOR")]
    [InlineData("{ mutations(after: \"YWJj\") { nodes { id } } }", "INVALID_CURSOR")]
    [InlineData("{ mutations(filter: { entity_id: \"1\" }) { nodes { id } } }", "INVALID_ARGUMENT")]
    [InlineData("{ entities(domain: \"a\", entityType: \"b\", where: \"x = \") { nodes { entity_id } } }", "INVALID_ARGUMENT")]
    [InlineData("{ entity(domain: \"a/b\", entityType: \"b\", entityId: \"c\") { version } }", "INVALID_ARGUMENT")]
    [InlineData("{ mutation(id: \"11111111-1111-1111-8111-111111111111\") { id } }", "BAD_REQUEST")]
    [InlineData("{ why { reason } }", "INVALID_ARGUMENT")]
    public async Task What_is_wrong_with_a_request_is_told_by_a_code(string query, string code) => await FailAsync(code, query);

    private static string Unsigned(string token)
    {
        string header = Convert.ToBase64String(Encoding.UTF8.GetBytes("{\"alg\":\"none\",\"typ\":\"at+jwt\"}")).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        return $"{header}.{token.Split('.')[1]}.";
    }
}
