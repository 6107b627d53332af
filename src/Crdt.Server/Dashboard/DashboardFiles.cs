using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Crdt.Server.Dashboard;

/// <summary>The page at <c>/</c>: files within the program, which ask nothing of any other host.</summary>
internal static class DashboardFiles
{
    // From this host alone: whatever somebody wrote into an entity, no script of it runs.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private static readonly (string Path, string Name, string Type)[] Files =
    [
        ("/", "index.html", "text/html; charset=utf-8"), ("/app.css", "app.css", "text/css; charset=utf-8"),
        ("/app.js", "app.js", "text/javascript; charset=utf-8"), ("/api.js", "api.js", "text/javascript; charset=utf-8"),
        ("/dom.js", "dom.js", "text/javascript; charset=utf-8"),
    ];

    public static void Map(WebApplication app)
    {
        foreach ((string path, string name, string type) in Files)
        {
            byte[] content = Read(name);
            string tag = $"\"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content))[..16]}\"";
            app.MapGet(path, (HttpContext context) => Send(context, content, type, tag));
        }
    }

    private static IResult Send(HttpContext context, byte[] content, string type, string tag)
    {
        IHeaderDictionary headers = context.Response.Headers;
        (headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers["Referrer-Policy"]) = (Policy, "nosniff", "no-referrer");
        (headers.CacheControl, headers.ETag) = ("no-cache", tag);
        return context.Request.Headers.IfNoneMatch == tag ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Bytes(content, type);
    }

    private static byte[] Read(string name)
    {
        using Stream file = Assembly.GetExecutingAssembly().GetManifestResourceStream($"dashboard/{name}")
            ?? throw new InvalidOperationException($"The page's file '{name}' is missing in this build.");
        using var content = new MemoryStream();
        file.CopyTo(content);
        return content.ToArray();
    }
}
