using System.Security.Cryptography;
using Crdt.Server.Hosting;
using Crdt.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Crdt.Server.DevIssuer;

/// <summary>Sets the issuer for development up: client credentials for programs, device codes for people.</summary>
internal static class DevIssuerSetup
{
    /// <summary>The client of programs; its secret lies in a file of the replica's directory.</summary>
    public const string ProgramClient = "dev";

    /// <summary>The client of people, who need no secret: a device code that somebody approves.</summary>
    public const string PersonClient = "dashboard";

    private const string KeyName = "dev-issuer.key", SecretName = "dev-client.secret";

    private const int SecretLengthBytes = 24;

    /// <summary>Whether it is to run.</summary>
    /// <exception cref="InvalidOperationException">It was asked for where it must not run.</exception>
    public static bool IsWanted(CrdtServerOptions options, IHostEnvironment environment)
    {
        bool wanted = options.DevIssuer.Enabled ?? (environment.IsDevelopment() && options.Access.Issuer is null);
        if (!wanted) return false;
        if (environment.IsProduction())
        {
            throw new InvalidOperationException("The issuer for development believes whoever reaches it, and does not run in Production. "
                + "Name a real one with Crdt:Access:Issuer.");
        }
        return options.Access.Issuer is null ? true
            : throw new InvalidOperationException("Tokens are of one issuer: leave Crdt:Access:Issuer out, or Crdt:DevIssuer:Enabled.");
    }

    /// <summary>The secret of <see cref="ProgramClient"/>, made at the first start.</summary>
    public static string SecretIn(string data)
    {
        string path = PathIn(data, SecretName);
        if (File.Exists(path)) return File.ReadAllText(path);
        NodeKeyFile.CreateDirectory(Path.GetDirectoryName(path)!);
        string secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretLengthBytes));
        NodeKeyFile.WriteSecret(path, System.Text.Encoding.ASCII.GetBytes(secret));
        return secret;
    }

    /// <summary>What its tokens are signed with: the same after a restart.</summary>
    public static ECDsaSecurityKey KeyIn(string data)
    {
        string path = PathIn(data, KeyName);
        NodeKeyFile.CreateDirectory(Path.GetDirectoryName(path)!);
        using EcdsaNodeKey key = File.Exists(path) ? NodeKeyFile.Open(path) : NodeKeyFile.Create(path);
        var signing = ECDsa.Create();
        signing.ImportPkcs8PrivateKey(key.ExportPkcs8(), out _);
        return new ECDsaSecurityKey(signing) { KeyId = "dev-" + Convert.ToHexStringLower(SHA256.HashData(key.PublicKey.Span))[..8] };
    }

    public static void Add(WebApplicationBuilder builder, CrdtServerOptions options, ECDsaSecurityKey key)
    {
        string store = "dev-issuer-" + Guid.NewGuid().ToString("N");
        builder.Services.AddDbContext<DbContext>(o => o.UseInMemoryDatabase(store).UseOpenIddict());
        builder.Services.AddOpenIddict()
            .AddCore(o => o.UseEntityFrameworkCore().UseDbContext<DbContext>())
            .AddServer(o =>
            {
                o.AllowClientCredentialsFlow().AllowDeviceAuthorizationFlow().AllowRefreshTokenFlow();
                o.SetTokenEndpointUris("connect/token").SetDeviceAuthorizationEndpointUris("connect/device")
                    .SetEndUserVerificationEndpointUris("connect/verify").SetJsonWebKeySetEndpointUris(".well-known/jwks");
                o.SetAccessTokenLifetime(options.DevIssuer.TokenLifetime);
                // Others read these tokens, too; what scopes a client may have is judged where it asks for a token.
                o.DisableAccessTokenEncryption().DisableScopeValidation().IgnoreScopePermissions();
                o.AddSigningKey(key).AddEphemeralEncryptionKey();
                o.UseAspNetCore().DisableTransportSecurityRequirement().EnableTokenEndpointPassthrough().EnableEndUserVerificationEndpointPassthrough();
            });
    }

    /// <summary>Tells the issuer of its clients.</summary>
    public static async Task RegisterClientsAsync(IServiceProvider services, string data)
    {
        await using AsyncServiceScope scope = services.CreateAsyncScope();
        IOpenIddictApplicationManager clients = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        await clients.CreateAsync(new OpenIddictApplicationDescriptor
        {
            ClientId = ProgramClient,
            ClientSecret = SecretIn(data),
            Permissions = { Permissions.Endpoints.Token, Permissions.GrantTypes.ClientCredentials },
        });
        await clients.CreateAsync(new OpenIddictApplicationDescriptor
        {
            ClientId = PersonClient,
            ClientType = ClientTypes.Public,
            Permissions =
            {
                Permissions.Endpoints.Token, Permissions.Endpoints.DeviceAuthorization, Permissions.GrantTypes.DeviceCode, Permissions.GrantTypes.RefreshToken,
            },
        });
    }

    private static string PathIn(string data, string name) => Path.Combine(Path.GetDirectoryName(NodeKeyFile.PathIn(data))!, name);
}
