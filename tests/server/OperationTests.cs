using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Crdt.Server.Tests;

[Collection(AloneCollection.Name)]
public sealed class OperationTests : ServerTest
{
    private const string Secret = "a-value-that-nobody-may-log";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly HttpClient Client = new();

    private readonly Collector collector = new();
    private static readonly LogLines Log = new();

    protected override string[] Arguments =>
    [
        "--Crdt:AuditInterval=00:00:00.200", "--listen", "127.0.0.1:0", "--Logging:LogLevel:Default=Trace", $"--OTEL_EXPORTER_OTLP_ENDPOINT={collector.Start()}",
        "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "--OTEL_METRIC_EXPORT_INTERVAL=300", "--OTEL_BSP_SCHEDULE_DELAY=300",
    ];

    protected override void Configure(WebApplicationBuilder builder) => builder.Logging.ClearProviders().AddProvider(Log);

    [Fact]
    public async Task Health_is_told_without_a_token()
    {
        Assert.Equal("live", await Client.GetStringAsync(Address + "/health/live"));
        Assert.Equal("ready", await Client.GetStringAsync(Address + "/health/ready"));
    }

    [Fact]
    public async Task Metrics_and_traces_reach_a_collector()
    {
        await using (Device device = await EnrolAsync())
        {
            await device.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("a/x/2")).Set("name", Secret), "mia");
            await (await device.MeetAsync(Peers)).CloseAsync();
        }
        await AskAsync("query Secrets { entity(domain: \"a\", entityType: \"x\", entityId: \"" + Secret + "\") { fields } }");
        long begun = Stopwatch.GetTimestamp();
        string[] wanted =
        [
            "crdt.mutations", "crdt.queue.oldest_pending", "crdt.conflicts.open", "crdt.refusals.open", "crdt.divergences", "crdt.clock.skew_max",
            "crdt.peers.connections", "crdt.sessions", "crdt.sync.bytes", "crdt.sync.batches", "crdt.sync.mutations", "crdt.unaccounted", "crdt.subscriptions",
            "crdt.graphql.requests", "crdt.graphql.duration", "crdt-server", "Secrets", "sync session",
        ];
        while (wanted.Any(w => !collector.Holds(w)))
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < Patience, string.Join(", ", wanted.Where(w => !collector.Holds(w))) + "\n" + string.Join("\n", Log.Lines.TakeLast(50)));
            await Task.Delay(50);
        }
        Assert.True(collector.Saw("/v1/metrics") && collector.Saw("/v1/traces"));
        Assert.False(collector.Holds(Secret));
    }

    [Fact]
    public async Task The_log_holds_no_payload_and_no_token()
    {
        Guid device = Guid.NewGuid();
        await AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
        await AskAsync("mutation($device: UUID!, $m: MutationInput!) { queueMutation(device: $device, mutation: $m) { sequence } }", new
        {
            device,
            m = new { request_id = Guid.NewGuid(), type = "CREATE", domain = "a", entity_type = "x", entity_id = "1", payload = new { name = Secret } },
        });
        await FailAsync("INVALID_ARGUMENT", "{ entities(domain: \"a\", entityType: \"x\", where: \"name = '" + Secret + "\") { nodes { entity_id } } }");
        await using (Device sender = await EnrolAsync())
        {
            sender.Token = Issuer.Token("offline:read offline:write:b");
            await sender.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("a/x/3")).Set("name", Secret), "mia");
            await sender.Replica.CommitAsync(tx => tx.Create(EntityKey.Parse("b/x/1")).Set("name", Secret), "mia");
            await (await sender.MeetAsync(Peers)).CloseAsync();
            Assert.Equal(Secret, Replica.Get(EntityKey.Parse("b/x/1"))!.GetString("name"));
        }
        string token = Issuer.Token(Everything);
        await PostAsync("{ space { name } }", null, token);
        await PostAsync("{ space { name } }", null, token + "x");
        Assert.NotEmpty(Log.Lines);
        Assert.DoesNotContain(Log.Lines, l => l.Contains(Secret, StringComparison.Ordinal) || l.Contains(token[..40], StringComparison.Ordinal));
    }

    /// <summary>Takes what is exported by OTLP over HTTP.</summary>
    private sealed class Collector
    {
        private readonly ConcurrentQueue<(string Path, string Body)> taken = [];
        private WebApplication? app;

        public string Start()
        {
            if (app is not null) return app.Urls.First();
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            app = builder.Build();
            app.Urls.Add("http://127.0.0.1:0");
            app.MapPost("/{**path}", async (HttpContext context) =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                taken.Enqueue((context.Request.Path, System.Text.Encoding.Latin1.GetString(body.ToArray())));
                return Results.StatusCode((int)HttpStatusCode.OK);
            });
            app.Start();
            return app.Urls.First();
        }

        public bool Holds(string text) => taken.Any(t => t.Body.Contains(text, StringComparison.Ordinal));

        public bool Saw(string path) => taken.Any(t => t.Path == path);
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
