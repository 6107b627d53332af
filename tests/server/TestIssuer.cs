using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Crdt.Server.Tests;

/// <summary>An issuer of tokens: a discovery document, a key, and whatever a test wants to be signed.</summary>
public sealed class TestIssuer : IAsyncDisposable
{
    public const string Audience = "crdt";

    private readonly WebApplication app;
    private ECDsaSecurityKey key = NewKey();

    private TestIssuer(WebApplication app) => this.app = app;

    public string Address => app.Urls.First();

    public static async Task<TestIssuer> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var issuer = new TestIssuer(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer = issuer.Address, jwks_uri = issuer.Address + "/keys" }));
        app.MapGet("/keys", () => Results.Json(new { keys = new[] { issuer.PublicKey() } }));
        await app.StartAsync();
        return issuer;
    }

    /// <summary>Signs with another key from now on, which its document names.</summary>
    public void Rotate() => key = NewKey();

    public string Token(
        string scope, string subject = "mia", string? audience = Audience, DateTime? expires = null, string type = "at+jwt", string client = "test",
        string? role = null, string? issuer = null)
    {
        var claims = new Dictionary<string, object> { ["sub"] = subject, ["scope"] = scope, ["client_id"] = client };
        if (role is not null) claims["role"] = role;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer ?? Address,
            Audience = audience,
            Expires = expires ?? DateTime.UtcNow.AddHours(1),
            IssuedAt = DateTime.UtcNow.AddHours(-2),
            TokenType = type,
            Claims = claims,
            SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256),
        });
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private static ECDsaSecurityKey NewKey() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = Guid.NewGuid().ToString("N") };

    private object PublicKey()
    {
        ECParameters parameters = key.ECDsa.ExportParameters(includePrivateParameters: false);
        return new
        {
            kty = "EC",
            crv = "P-256",
            use = "sig",
            alg = "ES256",
            kid = key.KeyId,
            x = Base64UrlEncoder.Encode(parameters.Q.X),
            y = Base64UrlEncoder.Encode(parameters.Q.Y),
        };
    }
}
