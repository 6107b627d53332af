using System.Diagnostics;
using System.Text.Json;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Crdt.Server.Hosting;
using GraphQL;
using GraphQL.Transport;
using GraphQL.Validation;

namespace Crdt.Server.Http;

/// <summary>Reads requests strictly, and makes them ready to run.</summary>
internal sealed class GraphQLRequests(IGraphQLTextSerializer serializer, IDocumentExecuter executer, ServerMetrics metrics, TimeProvider time)
{
    /// <summary>Reads a request.</summary>
    /// <exception cref="FormatException">A part is missing, or of another kind than it has to be.</exception>
    public GraphQLRequest Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object) throw new FormatException("The request is no JSON object.");
        Check(body, "query", JsonValueKind.String, isNeeded: true);
        Check(body, "operationName", JsonValueKind.String);
        Check(body, "variables", JsonValueKind.Object);
        Check(body, "extensions", JsonValueKind.Object);
        return serializer.ReadNode<GraphQLRequest>(body) ?? throw new FormatException("The request is empty.");
    }

    /// <summary>How it is run.</summary>
    private static ExecutionOptions Options(
        IServiceProvider services, GraphQLRequest request, Caller caller, CancellationToken cancellation, params IValidationRule[] rules) => new()
        {
            Query = request.Query,
            OperationName = request.OperationName,
            Variables = request.Variables,
            Extensions = request.Extensions,
            RequestServices = services,
            CancellationToken = cancellation,
            ValidationRules = DocumentValidator.CoreRules.Concat(rules),
            UserContext = new Dictionary<string, object?> { [CallerExtensions.Key] = caller },
        };

    /// <summary>Runs a request, and counts it.</summary>
    public async Task<ExecutionResult> ExecuteAsync(
        IServiceProvider services, GraphQLRequest request, Caller caller, CancellationToken cancellation, params IValidationRule[] rules)
    {
        using Activity? trace = metrics.Source.StartActivity("graphql");
        long begun = time.GetTimestamp();
        ExecutionResult result = await executer.ExecuteAsync(Options(services, request, caller, cancellation, rules));
        bool hasErrors = result.Errors is { Count: > 0 };
        // Names alone: what is asked for, and with which values, stays here.
        trace?.SetTag("graphql.operation.type", result.Operation?.Operation.ToString().ToLowerInvariant()).SetTag("graphql.operation.name", result.Operation?.Name?.StringValue)
            .SetStatus(hasErrors ? ActivityStatusCode.Error : ActivityStatusCode.Ok);
        metrics.Count(time.GetElapsedTime(begun), hasErrors);
        return result;
    }

    private static void Check(JsonElement body, string name, JsonValueKind kind, bool isNeeded = false)
    {
        if (!body.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            if (isNeeded) throw new FormatException($"'{name}' is missing.");
            return;
        }
        if (value.ValueKind != kind) throw new FormatException($"'{name}' is no {(kind == JsonValueKind.String ? "text" : "object")}.");
    }
}
