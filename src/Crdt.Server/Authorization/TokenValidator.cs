using System.Net;
using System.Security.Claims;
using Crdt.Server.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Crdt.Server.Authorization;

/// <summary>Validates access tokens of one issuer: the same way for requests, subscriptions and sessions of devices.</summary>
/// <remarks>Keys are fetched by the issuer's discovery document and kept; when the issuer is down, known keys go on being believed.</remarks>
internal sealed class TokenValidator
{
    // How long a token of a key that was published a moment ago waits for that key to be fetched.
    private static readonly TimeSpan KeyPatience = TimeSpan.FromSeconds(2), KeyPoll = TimeSpan.FromMilliseconds(100);

    // A stranger's tokens with made-up keys make this server ask its issuer no more often.
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(5);

    private readonly AccessOptions options;
    private readonly ConfigurationManager<OpenIdConnectConfiguration>? keys;
    private readonly TokenValidationParameters? parameters;
    private readonly JsonWebTokenHandler handler = new() { MapInboundClaims = false };
    private readonly TimeProvider time;

    public TokenValidator(IOptions<CrdtServerOptions> options, TimeProvider time, SecurityKey? own = null)
    {
        this.options = options.Value.Access;
        this.time = time;
        if (own is not null)
        {
            // The key is this process's own: its issuer may be called by any of its addresses.
            parameters = Parameters();
            (parameters.IssuerSigningKey, parameters.ValidateIssuer) = (own, false);
            return;
        }
        if (this.options.Issuer is not { Length: > 0 } issuer) return;
        keys = new ConfigurationManager<OpenIdConnectConfiguration>(
            issuer.TrimEnd('/') + "/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever { RequireHttps = !IsOnThisMachine(issuer) })
        {
            RefreshInterval = RefreshInterval,
        };
        parameters = Parameters();
        parameters.ConfigurationManager = keys;
    }

    /// <summary>Whom a token speaks for; <see langword="null"/> when it is not to be believed, with the reason.</summary>
    public async Task<(Caller? Caller, string? Problem)> ValidateAsync(string token, CancellationToken cancellation = default)
    {
        if (parameters is null) return (null, "This server was not told whose tokens it believes: Crdt:Access:Issuer.");
        TokenValidationResult result = await handler.ValidateTokenAsync(token, parameters);
        long begun = time.GetTimestamp();
        while (keys is not null && result.Exception is SecurityTokenSignatureKeyNotFoundException && time.GetElapsedTime(begun) < KeyPatience)
        {
            keys.RequestRefresh();
            await Task.Delay(KeyPoll, time, cancellation);
            result = await handler.ValidateTokenAsync(token, parameters);
        }
        if (result.IsValid) return (Caller.From(new ClaimsPrincipal(result.ClaimsIdentity), options), null);
        return (null, result.Exception switch
        {
            SecurityTokenExpiredException => "The token has expired.",
            SecurityTokenNotYetValidException => "The token is not valid yet.",
            SecurityTokenInvalidAudienceException => "The token is made out for somebody else.",
            SecurityTokenInvalidIssuerException => "The token is of another issuer.",
            _ => "The token cannot be believed.",
        });
    }

    private TokenValidationParameters Parameters() => new()
    {
        ValidAudience = options.Audience,
        ValidAlgorithms = [.. options.Algorithms],
        ValidTypes = [.. options.TokenTypes],
        RequireExpirationTime = true,
        RequireSignedTokens = true,
        ClockSkew = TimeSpan.FromSeconds(30),
        NameClaimType = "sub",
        RoleClaimType = options.RoleClaim,
    };

    private static bool IsOnThisMachine(string issuer) => Uri.TryCreate(issuer, UriKind.Absolute, out Uri? uri)
        && (uri.IsLoopback || (IPAddress.TryParse(uri.Host, out IPAddress? address) && IPAddress.IsLoopback(address)));
}
