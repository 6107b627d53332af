using System.Net.WebSockets;
using System.Text.Json;
using Crdt.Server.Authorization;
using Crdt.Server.Hosting;
using GraphQL;
using GraphQL.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Crdt.Server.Http;

/// <summary>GraphQL over WebSockets, as the protocol graphql-transport-ws has it.</summary>
internal sealed class GraphQLSockets(
    IGraphQLTextSerializer serializer, GraphQLRequests requests, TokenValidator tokens, TimeProvider time, RequestRates rates,
    IOptions<CrdtServerOptions> options)
{
    public const string Protocol = "graphql-transport-ws";

    private int connections;

    public GraphQLLimits Limits { get; } = options.Value.Limits;

    public TokenValidator Tokens => tokens;

    public TimeProvider Time => time;

    public RequestRates Rates => rates;

    public IGraphQLTextSerializer Serializer => serializer;

    public async Task HandleAsync(HttpContext context, CancellationToken stopping)
    {
        if (!context.WebSockets.WebSocketRequestedProtocols.Contains(Protocol))
        {
            using WebSocket stranger = await context.WebSockets.AcceptWebSocketAsync();
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            patience.CancelAfter(SocketConnection.FarewellTimeout);
            try
            {
                await stranger.CloseAsync((WebSocketCloseStatus)4406, "Subprotocol not acceptable", patience.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or WebSocketException)
            {
                stranger.Abort();
            }
            return;
        }
        if (Interlocked.Increment(ref connections) > Limits.ConnectionsMax)
        {
            Interlocked.Decrement(ref connections);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }
        try
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync(Protocol);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            await new SocketConnection(this, context, socket, ended).RunAsync(stopping);
        }
        finally
        {
            Interlocked.Decrement(ref connections);
        }
    }

    /// <summary>Runs an operation.</summary>
    public Task<ExecutionResult> ExecuteAsync(HttpContext context, GraphQLRequest request, Caller caller, CancellationToken cancellation) =>
        requests.ExecuteAsync(context.RequestServices, request, caller, cancellation);

    /// <summary>Reads an operation.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public GraphQLRequest Read(JsonElement payload) => requests.Read(payload);
}
