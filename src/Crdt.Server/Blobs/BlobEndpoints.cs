using System.Security.Cryptography;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Crdt.Server.Hosting;
using Crdt.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Headers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Crdt.Server.Blobs;

/// <summary>Attachments over HTTP: content in by <c>POST /blobs</c>, out by <c>GET /blobs/ROOT</c>, with ranges. Memory does not grow
/// with their size.</summary>
internal sealed class BlobEndpoints(ServerSpace space, CallerGate gate, GraphQLHttp graphQL, IOptions<CrdtServerOptions> options)
{
    private const string Path = "/blobs", DigestHeader = "Repr-Digest", Sha256Digest = "sha-256=:", OctetStream = "application/octet-stream";

    // Whatever somebody attached, nothing of it runs in this server's name.
    private const string Policy = "default-src 'none'; sandbox; frame-ancestors 'none'";

    private const int RetryAfterSeconds = 2;

    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head], Writing = [HttpMethods.Post, HttpMethods.Put];

    private readonly long uploadBytesMax = options.Value.Blobs.UploadBytesMax;

    public static void Map(WebApplication app)
    {
        BlobEndpoints blobs = app.Services.GetRequiredService<BlobEndpoints>();
        app.MapMethods(Path, Writing, blobs.TakeAsync);
        app.MapMethods(Path + "/{root}", Reading, blobs.SendAsync);
    }

    private async Task TakeAsync(HttpContext context)
    {
        (Caller? caller, RequestRefusal? refusal) = await gate.AdmitAsync(context);
        if (caller is not null && !caller.MaySome(ScopeVerb.Write))
            refusal = new RequestRefusal(StatusCodes.Status403Forbidden, ApiErrorCode.Forbidden, $"The token does not give '{new Scope(ScopeVerb.Write)}'.");
        refusal ??= await StoreAsync(context);
        if (refusal is null) return;
        // What is left of the body is not waited for.
        if (context.Request.ContentLength is not 0) context.Response.Headers.Connection = "close";
        await RefuseAsync(context, refusal);
    }

    private async Task<RequestRefusal?> StoreAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (request.ContentLength > uploadBytesMax) return TooLarge();
        if (!TryReadDigest(request, out BlobHash? digest))
            return new RequestRefusal(StatusCodes.Status400BadRequest, ApiErrorCode.BadRequest, $"{DigestHeader} names no SHA-256, as in sha-256=:BASE64:.");
        string name = request.Query["name"] is [{ } given, ..] ? given : "";
        string mediaType = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) ? type.MediaType.ToString().ToLowerInvariant() : OctetStream;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = uploadBytesMax;
        Blob blob;
        try
        {
            blob = await space.Replica.Blobs.PutAsync(request.Body, mediaType, name, context.RequestAborted);
        }
        catch (ArgumentException e)
        {
            return new RequestRefusal(StatusCodes.Status400BadRequest, ApiErrorCode.InvalidArgument, e.Message);
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return TooLarge();
        }
        catch (BlobException e) when (e.Error == BlobError.TooLarge)
        {
            return TooLarge();
        }
        catch (BlobException e) when (e.Error == BlobError.QuotaExceeded)
        {
            return new RequestRefusal(StatusCodes.Status507InsufficientStorage, ApiErrorCode.QuotaExceeded, e.Message);
        }
        if (digest is { } wanted && blob.Sha256 != wanted)
        {
            if (space.Replica.Blobs.Find(blob.Root) is null) await space.Replica.Blobs.EvictAsync(blob.Root, evenIfLast: true, context.RequestAborted);
            return new RequestRefusal(StatusCodes.Status400BadRequest, ApiErrorCode.InvalidArgument, $"What came has the SHA-256 {blob.Sha256}, and not that of {DigestHeader}.");
        }
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = $"{request.PathBase}{Path}/{blob.Root}";
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(((Value)blob).ToJson(), context.RequestAborted);
        return null;
    }

    private async Task SendAsync(HttpContext context, string root)
    {
        (Caller? caller, RequestRefusal? refusal) = await gate.AdmitAsync(context);
        if (caller is null)
        {
            await RefuseAsync(context, refusal!);
            return;
        }
        // Whether it is not there, or is named only by what the token does not read: the answer is the same.
        if (!BlobHash.TryParse(root, out BlobHash hash) || ReadableBlob.Find(space.Replica, caller, hash) is not { } found)
        {
            await RefuseAsync(context, new RequestRefusal(StatusCodes.Status404NotFound, ApiErrorCode.NotFound, "No entity that the token reads names such an attachment."));
            return;
        }
        Blob blob = found.Blob;
        RequestHeaders asked = context.Request.GetTypedHeaders();
        var tag = new EntityTagHeaderValue($"\"{blob.Root}\"");
        if (found.State.Standing != BlobStanding.Here && !IsHere(blob, found.State, asked, tag))
        {
            if (found.State.IsWanted) context.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
            await RefuseAsync(context, new RequestRefusal(
                found.State.IsWanted ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status409Conflict, ApiErrorCode.NotHere,
                $"{found.State.BytesHere} of {blob.Size} bytes are here. {found.State.Explanation}"));
            return;
        }
        SetHeaders(context.Response.Headers, blob, isDownload: context.Request.Query.ContainsKey("download"));
        try
        {
            Stream content = space.Replica.Blobs.OpenRead(blob);
            await Results.Stream(content, blob.MediaType, entityTag: tag, enableRangeProcessing: true).ExecuteAsync(context);
        }
        catch (BlobException e) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            await RefuseAsync(context, new RequestRefusal(StatusCodes.Status503ServiceUnavailable, ApiErrorCode.NotHere, e.Message));
        }
        catch (BlobException)
        {
            // A chunk was damaged on the disk: a connection that ends early tells it from one that was sent in full.
            context.Abort();
        }
    }

    // Of what is still coming a range is sent where all of it is here, and nothing else.
    private bool IsHere(Blob blob, BlobState state, RequestHeaders asked, EntityTagHeaderValue tag)
    {
        if (state.Standing == BlobStanding.Refused || asked.IfNoneMatch.Any(t => t.Tag == tag.Tag || t.Tag == "*")) return state.Standing != BlobStanding.Refused;
        if (asked.Range is not { Ranges.Count: 1 } range || range.Unit != "bytes" || (asked.IfRange is { } only && only.EntityTag?.Tag != tag.Tag)) return false;
        RangeItemHeaderValue wanted = range.Ranges.First();
        long from = wanted.From ?? Math.Max(0, blob.Size - wanted.To!.Value), to = wanted.From is null ? blob.Size - 1 : Math.Min(wanted.To ?? long.MaxValue, blob.Size - 1);
        return from > to || space.Replica.Blobs.IsHere(blob, from, to - from + 1);
    }

    private static void SetHeaders(IHeaderDictionary headers, Blob blob, bool isDownload)
    {
        var disposition = new ContentDispositionHeaderValue(!isDownload && IsShown(blob.MediaType) ? "inline" : "attachment");
        if (blob.Name.Length > 0) disposition.SetHttpFileName(blob.Name);
        headers.ContentDisposition = disposition.ToString();
        (headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers["Referrer-Policy"]) = (Policy, "nosniff", "no-referrer");
        // The content of a root never changes; whether somebody may have it does.
        (headers.CacheControl, headers.Vary, headers["Cross-Origin-Resource-Policy"]) = ("private, no-cache", "Authorization", "same-origin");
    }

    // What a browser shows and cannot run; drawings in SVG are programs.
    private static bool IsShown(string mediaType) => mediaType != "image/svg+xml"
        && (mediaType.StartsWith("image/", StringComparison.Ordinal) || mediaType.StartsWith("audio/", StringComparison.Ordinal) || mediaType.StartsWith("video/", StringComparison.Ordinal));

    // RFC 9530; other algorithms than SHA-256 are passed over.
    private static bool TryReadDigest(HttpRequest request, out BlobHash? digest)
    {
        digest = null;
        string? given = request.Headers[DigestHeader].SelectMany(v => (v ?? "").Split(',')).Select(v => v.Trim())
            .FirstOrDefault(v => v.StartsWith(Sha256Digest, StringComparison.OrdinalIgnoreCase));
        if (given is null) return true;
        Span<byte> bytes = stackalloc byte[SHA256.HashSizeInBytes];
        if (!given.EndsWith(':') || !Convert.TryFromBase64String(given[Sha256Digest.Length..^1], bytes, out int written) || written != bytes.Length) return false;
        digest = BlobHash.FromBytes(bytes);
        return true;
    }

    private RequestRefusal TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge, ApiErrorCode.TooLarge, $"An attachment that comes by HTTP has up to {uploadBytesMax} bytes.");

    private Task RefuseAsync(HttpContext context, RequestRefusal refusal)
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return graphQL.RefuseAsync(context, refusal.Status, refusal.Code, refusal.Message);
    }
}
