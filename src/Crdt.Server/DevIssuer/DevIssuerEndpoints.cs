using System.Net;
using System.Security.Claims;
using Crdt.Server.Authorization;
using Crdt.Server.Hosting;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Crdt.Server.DevIssuer;

/// <summary>Where the issuer for development is asked for tokens, and where a person approves a device code.</summary>
internal static class DevIssuerEndpoints
{
    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public static void Map(WebApplication app, AccessOptions options)
    {
        app.MapPost("/connect/token", context => ExchangeAsync(context, options));
        app.MapMethods("/connect/verify", ["GET", "POST"], context => VerifyAsync(context, options));
        app.MapGet("/connect/verify/done", context => WriteAsync(context, StatusCodes.Status200OK,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Signed in</title><link rel=\"stylesheet\" href=\"/app.css\">"
                + "<main class=\"narrow\"><h1>Signed in</h1><p>This page can be closed.</p></main></html>"));
    }

    private static async Task ExchangeAsync(HttpContext context, AccessOptions options)
    {
        OpenIddictRequest request = context.GetOpenIddictServerRequest()!;
        ClaimsPrincipal principal;
        if (request.IsClientCredentialsGrantType())
        {
            string[] asked = [.. request.GetScopes()];
            if (asked.FirstOrDefault(s => !Scope.TryParse(s, out _)) is { } unknown)
            {
                await ForbidAsync(context, Errors.InvalidScope, $"'{unknown}' is no scope of this server.");
                return;
            }
            principal = Principal(request.ClientId!, asked.Length == 0 ? Everything(options) : asked, options);
        }
        else
        {
            // A device code that was approved, or a refresh token: what was granted then.
            AuthenticateResult known = await context.AuthenticateAsync(Scheme);
            principal = known.Principal!;
            principal.SetDestinations(static _ => [Destinations.AccessToken]);
        }
        await context.SignInAsync(Scheme, principal);
    }

    private static async Task VerifyAsync(HttpContext context, AccessOptions options)
    {
        AuthenticateResult found = await context.AuthenticateAsync(Scheme);
        // For an unknown code it succeeds as well, and knows of no client.
        bool isKnown = found.Succeeded && !string.IsNullOrEmpty(found.Principal.GetClaim(Claims.ClientId));
        if (HttpMethods.IsGet(context.Request.Method))
        {
            await WriteAsync(context, StatusCodes.Status200OK, Form(context.Request.Query["user_code"].ToString(), options, ""));
            return;
        }
        IFormCollection form = await context.Request.ReadFormAsync(context.RequestAborted);
        string user = form["user"].ToString().Trim(), role = form["role"].ToString();
        if (!isKnown || user.Length is 0 or > 100 || !options.Roles.TryGetValue(role, out string? scopes))
        {
            await WriteAsync(context, StatusCodes.Status400BadRequest, Form(
                form["user_code"].ToString(), options, isKnown ? "A name and a role are needed." : "This code is unknown, or has been used."));
            return;
        }
        await context.SignInAsync(Scheme, Principal(user, [.. scopes.Split(' '), Scopes.OfflineAccess], options), new AuthenticationProperties { RedirectUri = "/connect/verify/done" });
    }

    private static ClaimsPrincipal Principal(string subject, IEnumerable<string> scopes, AccessOptions options)
    {
        var identity = new ClaimsIdentity("dev", Claims.Subject, Claims.Role);
        identity.SetClaim(Claims.Subject, subject).SetScopes(scopes).SetResources(options.Audience).SetDestinations(static _ => [Destinations.AccessToken]);
        return new ClaimsPrincipal(identity);
    }

    private static string[] Everything(AccessOptions options) => options.Roles["administrator"].Split(' ');

    private static Task ForbidAsync(HttpContext context, string error, string description) => context.ForbidAsync(Scheme, new AuthenticationProperties(
        new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }));

    private static Task WriteAsync(HttpContext context, int status, string page)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(page, context.RequestAborted);
    }

    private static string Form(string code, AccessOptions options, string problem) => $"""
        <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in (development)</title>
        <link rel="stylesheet" href="/app.css">
        <main class="narrow"><h1>Sign in</h1><p>This server runs for development: it believes who you say you are.</p><p role="alert">{WebUtility.HtmlEncode(problem)}</p>
        <form method="post" class="card"><label>Code <input name="user_code" value="{WebUtility.HtmlEncode(code)}" required autocomplete="off"></label>
        <label>Name <input name="user" required maxlength="100" autofocus></label>
        <label>Role <select name="role">{string.Concat(options.Roles.Keys.Select(r => $"<option>{WebUtility.HtmlEncode(r)}</option>"))}</select></label>
        <button>Sign in</button></form></main></html>
        """;
}
