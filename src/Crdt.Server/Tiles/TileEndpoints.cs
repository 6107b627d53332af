using System.Globalization;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Crdt.Server.Hosting;
using Crdt.Server.Http;
using Crdt.Tiles;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace Crdt.Server.Tiles;

/// <summary>The maps of the space over HTTP, for who may read their manifests.</summary>
internal sealed class TileEndpoints(ServerSpace space, CallerGate gate) : IDisposable
{
    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    private readonly TileSite site = new(space.Replica);

    public static void Map(WebApplication app)
    {
        TileEndpoints tiles = app.Services.GetRequiredService<TileEndpoints>();
        app.MapMethods("/tiles", Reading, tiles.ListAsync);
        app.MapMethods("/tiles/{pack}", Reading, tiles.DescribeAsync);
        app.MapPut("/tiles/{pack}", tiles.TakeAsync);
        app.MapMethods("/tiles/{pack}/file", Reading, tiles.SendFileAsync);
        app.MapMethods("/tiles/{pack}/{z}/{x}/{y}", Reading, tiles.SendTileAsync);
    }

    public void Dispose() => site.Dispose();

    private async Task ListAsync(HttpContext context)
    {
        (Caller? caller, RequestRefusal? refusal) = await gate.AdmitAsync(context);
        if (caller is null)
        {
            await RefuseAsync(context, refusal!);
            return;
        }
        IEnumerable<Entity> packs = space.Replica.Keys(PackManifest.Domain, PackManifest.EntityType)
            .Where(k => caller.May(ScopeVerb.Read, k)).Select(space.Replica.Get).OfType<Entity>();
        await SendAsync(context, TileSite.List(packs, pack => UrlOf(context, pack)));
    }

    private async Task DescribeAsync(HttpContext context, string pack)
    {
        if (await MayAsync(context, ScopeVerb.Read, pack) is not null) await SendAsync(context, site.GetTileJson(pack, UrlOf(context, pack) + "/{z}/{x}/{y}", tag => Holds(context, tag)));
    }

    private async Task SendTileAsync(HttpContext context, string pack, string z, string x, string y)
    {
        if (await MayAsync(context, ScopeVerb.Read, pack) is not null)
            await SendAsync(context, await site.GetTileAsync(pack, z, x, y, encoding => Accepts(context, encoding), tag => Holds(context, tag), context.RequestAborted));
    }

    private async Task TakeAsync(HttpContext context, string pack)
    {
        if (await MayAsync(context, ScopeVerb.Write, pack) is not { } caller) return;
        // The quota of attachments bounds it, not what is fit for other requests.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        DateTimeOffset? date = null;
        if (context.Request.Query["date"].ToString() is { Length: > 0 } text)
        {
            if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset said))
            {
                await SendAsync(context, TileAnswer.Problem(StatusCodes.Status400BadRequest, ApiError.NameOf(ApiErrorCode.InvalidArgument), $"'{text}' is no date."));
                return;
            }
            date = said;
        }
        TileAnswer answer;
        try
        {
            await TilePack.AddAsync(space.Replica, pack, context.Request.Body, date, caller.Subject, context.RequestAborted);
            answer = site.GetTileJson(pack, UrlOf(context, pack) + "/{z}/{x}/{y}", static _ => false);
        }
        catch (TileException e)
        {
            answer = TileAnswer.Of(e) with { Status = StatusCodes.Status422UnprocessableEntity };
        }
        catch (BlobException e)
        {
            answer = TileAnswer.Problem(e.Error == BlobError.QuotaExceeded ? StatusCodes.Status507InsufficientStorage : StatusCodes.Status413PayloadTooLarge,
                ApiError.NameOf(e.Error == BlobError.QuotaExceeded ? ApiErrorCode.QuotaExceeded : ApiErrorCode.TooLarge), e.Message);
        }
        catch (MutationException e)
        {
            answer = TileAnswer.Problem(StatusCodes.Status409Conflict, ApiError.From(e).Code!, e.Message);
        }
        catch (ArgumentException e)
        {
            answer = TileAnswer.Problem(StatusCodes.Status400BadRequest, ApiError.NameOf(ApiErrorCode.InvalidArgument), e.Message);
        }
        await SendAsync(context, answer);
    }

    // For readers of packs that ask for ranges of their own.
    private async Task SendFileAsync(HttpContext context, string pack)
    {
        if (await MayAsync(context, ScopeVerb.Read, pack) is null) return;
        if (site.FindContent(pack, out TileAnswer? refusal) is not { } content)
        {
            await SendAsync(context, refusal!);
            return;
        }
        context.Response.Headers.CacheControl = "private, no-cache";
        try
        {
            await Results.Stream(new PackStream(content.Source), "application/octet-stream", entityTag: new EntityTagHeaderValue($"\"{content.Tag}\""),
                enableRangeProcessing: true).ExecuteAsync(context);
        }
        catch (TileException e) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            await SendAsync(context, TileAnswer.Of(e));
        }
        catch (TileException)
        {
            // Some of the range is not here: a connection that ends early tells it from one that was sent in full.
            context.Abort();
        }
    }

    private async Task<Caller?> MayAsync(HttpContext context, ScopeVerb verb, string pack)
    {
        (Caller? caller, RequestRefusal? refusal) = await gate.AdmitAsync(context);
        if (caller is not null && caller.Scopes.Any(s => s.Covers(verb, PackManifest.Domain, PackManifest.EntityType, pack))) return caller;
        await RefuseAsync(context, refusal ?? new RequestRefusal(StatusCodes.Status403Forbidden, ApiErrorCode.Forbidden,
            $"The token does not give '{new Scope(verb, PackManifest.Domain, PackManifest.EntityType, pack)}'."));
        return null;
    }

    private static Task RefuseAsync(HttpContext context, RequestRefusal refusal) =>
        SendAsync(context, TileAnswer.Problem(refusal.Status, ApiError.NameOf(refusal.Code), refusal.Message));

    private static async Task SendAsync(HttpContext context, TileAnswer answer)
    {
        HttpResponse response = context.Response;
        IHeaderDictionary headers = response.Headers;
        response.StatusCode = answer.Status;
        // Asked again each time, and answered by the tag: a name may stand for another pack, and a token may be taken away.
        (headers.CacheControl, headers.Vary, headers.XContentTypeOptions) = ("private, no-cache", "Accept-Encoding, Authorization", "nosniff");
        if (answer.ETag is not null) headers.ETag = answer.ETag;
        if (answer.ContentEncoding is not null) headers.ContentEncoding = answer.ContentEncoding;
        if (answer.RetryAfterSeconds is { } seconds) headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (answer.MediaType is not null) response.ContentType = answer.MediaType;
        if (answer.Body.Length == 0) return;
        response.ContentLength = answer.Body.Length;
        await response.Body.WriteAsync(answer.Body, context.RequestAborted);
    }

    private static bool Holds(HttpContext context, string tag) => context.Request.GetTypedHeaders().IfNoneMatch.Any(t => t.Tag == tag);

    private static bool Accepts(HttpContext context, string encoding)
    {
        IList<StringWithQualityHeaderValue> accepted = context.Request.GetTypedHeaders().AcceptEncoding;
        return (accepted.FirstOrDefault(a => a.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase)) ?? accepted.FirstOrDefault(a => a.Value == "*"))
            is { Quality: not 0 };
    }

    private static string UrlOf(HttpContext context, string pack) =>
        $"{context.Request.Scheme}://{context.Request.Host}{context.Request.PathBase}/tiles/{Uri.EscapeDataString(pack)}";
}
