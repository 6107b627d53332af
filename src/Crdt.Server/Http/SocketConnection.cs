using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using GraphQL;
using GraphQL.Transport;
using Microsoft.AspNetCore.Http;

namespace Crdt.Server.Http;

/// <summary>One client.</summary>
internal sealed class SocketConnection(GraphQLSockets owner, HttpContext context, WebSocket socket, CancellationTokenSource ended)
{
    public static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    private readonly Channel<OperationMessage> outgoing = Channel.CreateBounded<OperationMessage>(owner.Limits.WaitingMessagesMax);
    private readonly Dictionary<string, CancellationTokenSource> running = [];
    private readonly Lock gate = new();
    private readonly byte[] buffer = new byte[owner.Limits.RequestBytesMax];
    private Caller? caller;
    private bool isInitialising;
    private (int Code, string Reason)? farewell;
    private ITimer? timer;

    public async Task RunAsync(CancellationToken stopping)
    {
        timer = owner.Time.CreateTimer(_ => OnTime(), null, owner.Limits.InitTimeout, Timeout.InfiniteTimeSpan);
        Task sending = SendAsync();
        try
        {
            while (await ReceiveAsync() is { } message && await TakeAsync(message))
            {
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The connection is gone, or the server stops, or a timer ended it.
        }
        await timer.DisposeAsync();
        if (stopping.IsCancellationRequested) farewell ??= (1001, "The server stops");
        await ended.CancelAsync();
        lock (gate)
        {
            foreach (CancellationTokenSource one in running.Values) one.Cancel();
        }
        outgoing.Writer.TryComplete();
        await sending;
        await CloseAsync();
    }

    private void OnTime() => End(caller is null ? (4408, "Connection initialisation timeout") : (4403, "The token has expired"));

    private void End((int Code, string Reason) reason)
    {
        farewell ??= reason;
        ended.Cancel();
    }

    private async Task CloseAsync()
    {
        using var patience = new CancellationTokenSource(FarewellTimeout);
        try
        {
            (int code, string reason) = farewell ?? (1000, "");
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, patience.Token);
            // Cut off at once, the client would not hear why.
            while (socket.State is WebSocketState.CloseSent) await socket.ReceiveAsync(buffer.AsMemory(), patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            socket.Abort();
        }
    }

    /// <summary>The next message; <see langword="null"/> at the end.</summary>
    private async Task<JsonDocument?> ReceiveAsync()
    {
        int length = 0;
        while (true)
        {
            // Reading goes on while the end is said: cancelled, it would cut the connection off.
            ValueWebSocketReceiveResult part = await ReadAsync(length);
            if (part.MessageType == WebSocketMessageType.Close) return null;
            length += part.Count;
            if (part.EndOfMessage) break;
            if (length < buffer.Length) continue;
            farewell = (4413, "Message too large");
            return null;
        }
        try
        {
            return JsonDocument.Parse(buffer.AsMemory(0, length).ToArray());
        }
        catch (JsonException)
        {
            farewell = (4400, "Message is no JSON");
            return null;
        }
    }

    private async Task<ValueWebSocketReceiveResult> ReadAsync(int at)
    {
        Task<ValueWebSocketReceiveResult> reading = socket.ReceiveAsync(buffer.AsMemory(at), CancellationToken.None).AsTask();
        await Task.WhenAny(reading, Task.Delay(Timeout.Infinite, ended.Token));
        if (reading.IsCompleted) return await reading;
        // Whoever awaits the close reads on; what comes of this read is not wanted any more.
        await AwaitEndAsync(reading);
        throw new OperationCanceledException();
    }

    private async Task AwaitEndAsync(Task<ValueWebSocketReceiveResult> reading)
    {
        outgoing.Writer.TryComplete();
        (int code, string reason) = farewell ?? (1001, "The server stops");
        using var patience = new CancellationTokenSource(FarewellTimeout);
        try
        {
            if (socket.State == WebSocketState.Open) await socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, patience.Token);
            await reading.WaitAsync(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            socket.Abort();
        }
    }

    private async Task<bool> TakeAsync(JsonDocument document)
    {
        using (document)
        {
            JsonElement message = document.RootElement;
            if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("type", out JsonElement kind) || kind.ValueKind != JsonValueKind.String)
                return Refuse(4400, "Message has no type");
            string? id = message.TryGetProperty("id", out JsonElement named) && named.ValueKind == JsonValueKind.String ? named.GetString() : null;
            JsonElement? payload = message.TryGetProperty("payload", out JsonElement given) && given.ValueKind != JsonValueKind.Null ? given : null;
            switch (kind.GetString())
            {
                case "connection_init":
                    return await InitialiseAsync(payload);
                case "ping":
                    return Send(new OperationMessage { Type = "pong" });
                case "pong":
                    return true;
                case "subscribe" when id is { Length: > 0 } && payload is { } request:
                    return caller is null ? Refuse(4401, "Unauthorized") : Begin(id, request);
                case "complete" when id is not null:
                    Finish(id)?.Cancel();
                    return true;
                default:
                    return Refuse(4400, "Message of an unknown type, or not complete");
            }
        }
    }

    private async Task<bool> InitialiseAsync(JsonElement? payload)
    {
        if (isInitialising) return Refuse(4429, "Too many initialisation requests");
        isInitialising = true;
        timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        string? token = payload is { ValueKind: JsonValueKind.Object } said
            ? Text(said, "accessToken") ?? Text(said, "authorization") ?? Text(said, "Authorization") : null;
        token ??= context.Request.Headers.Authorization is [{ Length: > 0 } header, ..] ? header : null;
        if (token?.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) == true) token = token["Bearer ".Length..];
        Caller? found = token is null ? null : (await owner.Tokens.ValidateAsync(token, ended.Token)).Caller;
        if (found is null) return Refuse(4403, "Forbidden");
        caller = found;
        // As long as the token holds, and no longer.
        TimeSpan left = found.Expires is { } expires ? expires - owner.Time.GetUtcNow() : Timeout.InfiniteTimeSpan;
        timer!.Change(left == Timeout.InfiniteTimeSpan || left.TotalMilliseconds >= int.MaxValue ? Timeout.InfiniteTimeSpan : left < TimeSpan.Zero ? TimeSpan.Zero : left,
            Timeout.InfiniteTimeSpan);
        return Send(new OperationMessage { Type = "connection_ack" });
    }

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private bool Begin(string id, JsonElement payload)
    {
        GraphQLRequest request;
        try
        {
            request = owner.Read(payload);
        }
        catch (FormatException e)
        {
            return Refuse(4400, e.Message);
        }
        if (!owner.Rates.TryTake(caller!.Client))
        {
            return Send(new OperationMessage
            {
                Id = id,
                Type = "error",
                Payload = new ExecutionErrors { new ApiError(ApiErrorCode.RateLimited, "More requests than this client may make now.") },
            });
        }
        CancellationTokenSource mine = CancellationTokenSource.CreateLinkedTokenSource(ended.Token);
        lock (gate)
        {
            if (running.Count >= owner.Limits.SubscriptionsMax) return Refuse(4429, "Too many subscriptions");
            if (!running.TryAdd(id, mine)) return Refuse(4409, $"Subscriber for {id} already exists");
        }
        _ = RunAsync(id, request, mine);
        return true;
    }

    private async Task RunAsync(string id, GraphQLRequest request, CancellationTokenSource mine)
    {
        try
        {
            ExecutionResult result = await owner.ExecuteAsync(context, request, caller!, mine.Token);
            if (result.Streams is { Count: > 0 } streams)
            {
                await ForwardAsync(id, streams.Values.First(), mine.Token);
            }
            else if (!result.Executed)
            {
                if (Finish(id) is not null) Send(new OperationMessage { Id = id, Type = "error", Payload = result.Errors });
                return;
            }
            else
            {
                Send(new OperationMessage { Id = id, Type = "next", Payload = result });
            }
            if (Finish(id) is not null) Send(new OperationMessage { Id = id, Type = "complete" });
        }
        catch (OperationCanceledException)
        {
            Finish(id);
        }
        finally
        {
            mine.Dispose();
        }
    }

    private async Task ForwardAsync(string id, IObservable<ExecutionResult> stream, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable subscription = stream.Subscribe(new Observer(
            result => Send(new OperationMessage { Id = id, Type = "next", Payload = result }), done));
        await done.Task.WaitAsync(cancellation);
    }

    /// <summary>Takes an operation off the list; <see langword="null"/> when it is not there.</summary>
    private CancellationTokenSource? Finish(string id)
    {
        lock (gate) return running.Remove(id, out CancellationTokenSource? mine) ? mine : null;
    }

    private bool Refuse(int code, string reason)
    {
        farewell = (code, reason.Length <= 120 ? reason : reason[..120]);
        return false;
    }

    private bool Send(OperationMessage message)
    {
        if (outgoing.Writer.TryWrite(message)) return true;
        // Who does not take what it asked for is let go, and does not grow this server.
        if (!ended.IsCancellationRequested) End((4429, "Messages are taken too slowly"));
        return false;
    }

    private async Task SendAsync()
    {
        try
        {
            await foreach (OperationMessage message in outgoing.Reader.ReadAllAsync())
            {
                byte[] bytes = Encoding.UTF8.GetBytes(owner.Serializer.Serialize(message));
                await socket.SendAsync(bytes, WebSocketMessageType.Text, endOfMessage: true, ended.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // It is over: whoever receives says so.
        }
    }

    private sealed class Observer(Action<ExecutionResult> next, TaskCompletionSource done) : IObserver<ExecutionResult>
    {
        public void OnNext(ExecutionResult value) => next(value);

        public void OnError(Exception error)
        {
            next(new ExecutionResult { Errors = [error as ExecutionError ?? new ApiError(ApiErrorCode.Internal, "The subscription ended by a defect.")] });
            done.TrySetResult();
        }

        public void OnCompleted() => done.TrySetResult();
    }
}
