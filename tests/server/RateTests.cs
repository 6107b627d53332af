using System.Net;

namespace Crdt.Server.Tests;

public sealed class RateTests : ServerTest
{
    protected override string[] Arguments => ["--Crdt:Limits:RequestBurst=5", "--Crdt:Limits:RequestsPerSecond=1"];

    [Fact]
    public async Task A_client_that_asks_too_often_waits_and_others_do_not()
    {
        string busy = Issuer.Token(Everything, client: "busy"), other = Issuer.Token(Everything, client: "other");
        HttpStatusCode[] answers = [.. await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => StatusAsync(busy)))];
        Assert.Contains(HttpStatusCode.OK, answers);
        Assert.Contains(HttpStatusCode.TooManyRequests, answers);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(other));
    }

    private async Task<HttpStatusCode> StatusAsync(string token)
    {
        using HttpResponseMessage response = await SendAsync("{ space { name } }", null, token);
        if (response.StatusCode != HttpStatusCode.TooManyRequests) return response.StatusCode;
        Assert.Contains("RATE_LIMITED", await response.Content.ReadAsStringAsync());
        Assert.NotNull(response.Headers.RetryAfter);
        return response.StatusCode;
    }
}
