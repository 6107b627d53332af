using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Crdt;
using Crdt.Tiles;
using FieldMap.Geo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;

namespace FieldMap;

/// <summary>What a device shows its own user: a page, the map's tiles and the incidents, all from its replica. Listens on this
/// machine alone.</summary>
internal static class MapHost
{
    private const string Policy = "default-src 'none'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(300);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Starts it.</summary>
    /// <param name="device">What is shown.</param>
    /// <param name="pack">The map whose progress is told.</param>
    /// <param name="pages">Directory of the page.</param>
    /// <param name="url">Where to listen.</param>
    public static async Task<WebApplication> StartAsync(Station device, string pack, string pages, string url)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        // Another site that calls itself by this machine's address in the user's browser is not answered.
        builder.Services.AddHostFiltering(o => o.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"]);
        WebApplication app = builder.Build();
        app.Urls.Add(url);
        app.UseHostFiltering();
        app.Use((context, next) =>
        {
            (context.Response.Headers.ContentSecurityPolicy, context.Response.Headers.XContentTypeOptions) = (Policy, "nosniff");
            return next(context);
        });
        var types = new FileExtensionContentTypeProvider();
        types.Mappings[".mjs"] = "text/javascript";
        var files = new PhysicalFileProvider(Path.GetFullPath(pages));
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = files });
        app.UseStaticFiles(new StaticFileOptions { FileProvider = files, ContentTypeProvider = types });
        var site = new TileSite(device.Replica);
        app.Lifetime.ApplicationStopped.Register(site.Dispose);
        app.MapGet("/tiles/{name}", (HttpContext context, string name) => SendAsync(context,
            site.GetTileJson(name, $"{context.Request.Scheme}://{context.Request.Host}/tiles/{Uri.EscapeDataString(name)}/{{z}}/{{x}}/{{y}}", t => Holds(context, t))));
        app.MapGet("/tiles/{name}/{z}/{x}/{y}", async (HttpContext context, string name, string z, string x, string y) => await SendAsync(context,
            await site.GetTileAsync(name, z, x, y, static _ => true, t => Holds(context, t), context.RequestAborted)));
        var incidents = new Incidents(device.Replica);
        app.MapGet("/incidents", () => Results.Json(incidents.All(), Json, "application/geo+json"));
        app.MapGet("/incidents/live", context => FollowAsync(context, device, pack, incidents, app.Lifetime.ApplicationStopping));
        await app.StartAsync();
        return app;
    }

    // A browser's own: it takes gzip, and asks with the tag of what it holds.
    private static bool Holds(HttpContext context, string tag) => context.Request.Headers.IfNoneMatch == tag;

    private static async Task SendAsync(HttpContext context, TileAnswer answer)
    {
        HttpResponse response = context.Response;
        response.StatusCode = answer.Status;
        response.Headers.CacheControl = "no-cache";
        if (answer.ETag is not null) response.Headers.ETag = answer.ETag;
        if (answer.MediaType is not null) response.ContentType = answer.MediaType;
        if (answer.ContentEncoding is not null) response.Headers.ContentEncoding = answer.ContentEncoding;
        if (answer.RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (answer.Body.Length == 0) return;
        response.ContentLength = answer.Body.Length;
        await response.Body.WriteAsync(answer.Body);
    }

    private static async Task FollowAsync(HttpContext context, Station device, string pack, Incidents incidents, CancellationToken stopping)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        context.Response.ContentType = "text/event-stream";
        var events = Channel.CreateBounded<string>(64);
        Task changes = WriteAsync(ChangesAsync()), progress = WriteAsync(ProgressAsync());
        try
        {
            await context.Response.Body.FlushAsync(ending.Token);
            await foreach (string text in events.Reader.ReadAllAsync(ending.Token)) await context.Response.WriteAsync(text, ending.Token);
        }
        catch (OperationCanceledException)
        {
            // The page was closed, or the device is.
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(changes, progress);
        }

        async Task WriteAsync(IAsyncEnumerable<string> source)
        {
            try
            {
                await foreach (string text in source) await events.Writer.WriteAsync(text, ending.Token);
            }
            catch (OperationCanceledException)
            {
                // As above.
            }
        }

        async IAsyncEnumerable<string> ChangesAsync()
        {
            await foreach (EntityChange change in device.Replica.ChangesAsync(ending.Token))
            {
                if (change.Key is not { Domain: Reports.Domain, Type: Reports.EntityType }) continue;
                if (change.Entity is null) yield return $"event: gone\ndata: {JsonSerializer.Serialize(change.Key.Id)}\n\n";
                else if (incidents.Feature(change.Entity) is { } feature) yield return $"event: strike\ndata: {JsonSerializer.Serialize(feature, Json)}\n\n";
            }
        }

        (long Here, long Size) Progress() => device.Replica.Get(PackManifest.KeyOf(pack))?[PackManifest.PackField] is { Kind: ValueKind.Blob } map
            && device.Replica.Blobs.Find(map.AsBlob().Root) is { } state ? (state.Chunks, state.ChunksMax) : default;

        async IAsyncEnumerable<string> ProgressAsync()
        {
            (long Here, long Size) told = (-1, -1);
            using var timer = new PeriodicTimer(Between);
            do
            {
                if (Progress() is { Size: > 0 } now && now != told) yield return $"event: pack\ndata: {{\"here\":{(told = now).Here},\"size\":{now.Size}}}\n\n";
            }
            while (await timer.WaitForNextTickAsync(ending.Token));
        }
    }
}
