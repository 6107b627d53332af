using System.Text;
using System.Text.Json;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Crdt.Server.Hosting;
using GraphQL;
using GraphQL.Transport;
using GraphQL.Validation;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Crdt.Server.Http;

/// <summary>GraphQL over HTTP, as the specification of that name has it.</summary>
internal sealed class GraphQLHttp(
    IGraphQLTextSerializer serializer, GraphQLRequests requests, IOptions<CrdtServerOptions> options)
{
    private const string Json = "application/json", Response = "application/graphql-response+json";

    private readonly GraphQLLimits limits = options.Value.Limits;

    public async Task HandleAsync(HttpContext context, Caller caller)
    {
        if (Accepted(context.Request) is not { } media)
        {
            context.Response.StatusCode = StatusCodes.Status406NotAcceptable;
            return;
        }
        bool isGet = HttpMethods.IsGet(context.Request.Method);
        if (!isGet && !HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = "GET, POST";
            return;
        }
        GraphQLRequest? request;
        try
        {
            request = isGet ? FromQuery(context.Request) : await FromBodyAsync(context);
        }
        catch (BadHttpRequestException e)
        {
            await WriteAsync(context, media, e.StatusCode, Failed(ApiErrorCode.BadRequest, e.Message));
            return;
        }
        if (request is null) return;
        ExecutionResult result = await requests.ExecuteAsync(
            context.RequestServices, request, caller, context.RequestAborted, new OperationRule(isGet));
        if (result.Errors?.Any(e => e is OperationRule.NotAllowedError) == true)
        {
            context.Response.Headers.Allow = "POST";
            await WriteAsync(context, media, StatusCodes.Status405MethodNotAllowed, result);
            return;
        }
        await WriteAsync(context, media, result.Executed || media == Json ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest, result);
    }

    /// <summary>Tells of one error, by the media type that is asked for.</summary>
    public Task RefuseAsync(HttpContext context, int status, ApiErrorCode code, string message) =>
        WriteAsync(context, Accepted(context.Request) ?? Json, status, Failed(code, message));

    private static ExecutionResult Failed(ApiErrorCode code, string message) => new() { Errors = [new ApiError(code, message)] };

    private async Task WriteAsync(HttpContext context, string media, int status, ExecutionResult result)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = $"{media}; charset=utf-8";
        await serializer.WriteAsync(context.Response.Body, result, context.RequestAborted);
    }

    private static string? Accepted(HttpRequest request)
    {
        if (request.Headers.Accept.Count == 0) return Json;
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? accepted)) return null;
        foreach (MediaTypeHeaderValue wanted in accepted.Where(a => a.Quality is null or > 0).OrderByDescending(a => a.Quality ?? 1))
        {
            if (wanted.Charset.HasValue && !wanted.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)) continue;
            if (wanted.MatchesAllTypes || wanted.MediaType.Equals("application/*", StringComparison.OrdinalIgnoreCase)
                || wanted.MediaType.Equals(Json, StringComparison.OrdinalIgnoreCase)) return Json;
            if (wanted.MediaType.Equals(Response, StringComparison.OrdinalIgnoreCase)) return Response;
        }
        return null;
    }

    private GraphQLRequest FromQuery(HttpRequest request)
    {
        string? query = request.Query["query"];
        if (string.IsNullOrEmpty(query)) throw Bad("The parameter 'query' is missing.");
        return new GraphQLRequest
        {
            Query = query,
            OperationName = request.Query["operationName"] is [{ Length: > 0 } name, ..] ? name : null,
            Variables = request.Query["variables"] is [{ Length: > 0 } variables, ..] ? ReadMap(variables, "variables") : null,
            Extensions = request.Query["extensions"] is [{ Length: > 0 } extensions, ..] ? ReadMap(extensions, "extensions") : null,
        };
    }

    private Inputs ReadMap(string text, string what)
    {
        try
        {
            return serializer.Deserialize<Inputs>(text) ?? Inputs.Empty;
        }
        catch (JsonException)
        {
            throw Bad($"The parameter '{what}' is no JSON object.");
        }
    }

    private async Task<GraphQLRequest?> FromBodyAsync(HttpContext context)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals(Json, StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return null;
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = limits.RequestBytesMax;
        try
        {
            using JsonDocument body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
            return requests.Read(body.RootElement);
        }
        catch (JsonException)
        {
            throw Bad("The body is no JSON.");
        }
        catch (FormatException e)
        {
            throw Bad(e.Message);
        }
    }

    private static BadHttpRequestException Bad(string message) => new(message, StatusCodes.Status400BadRequest);
}
