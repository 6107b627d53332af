using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Microsoft.AspNetCore.Http;

namespace Crdt.Server.Http;

/// <summary>Who sends a request, and whether it may be answered now: the same for everything that is asked over HTTP.</summary>
internal sealed class CallerGate(TokenValidator tokens, RequestRates rates)
{
    private const string BearerPrefix = "Bearer ";

    /// <summary>Judges a request; sets the headers that go with a refusal.</summary>
    /// <returns>The caller, or why there is none.</returns>
    public async Task<(Caller? Caller, RequestRefusal? Refusal)> AdmitAsync(HttpContext context)
    {
        string header = context.Request.Headers.Authorization.ToString();
        (Caller? caller, string? problem) = header.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase)
            ? await tokens.ValidateAsync(header[BearerPrefix.Length..], context.RequestAborted)
            : (null, "An access token is needed: Authorization: Bearer TOKEN.");
        string client = caller?.Client ?? $"ip:{context.Connection.RemoteIpAddress}";
        if (!rates.TryTake(client))
        {
            context.Response.Headers.RetryAfter = "1";
            return (null, new RequestRefusal(StatusCodes.Status429TooManyRequests, ApiErrorCode.RateLimited, "More requests than this client may make now."));
        }
        if (caller is not null) return (caller, null);
        context.Response.Headers.WWWAuthenticate = header.Length == 0 ? "Bearer" : "Bearer error=\"invalid_token\"";
        return (null, new RequestRefusal(StatusCodes.Status401Unauthorized, ApiErrorCode.Unauthenticated, problem!));
    }
}
