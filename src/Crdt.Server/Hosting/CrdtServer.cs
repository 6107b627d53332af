using System.Net;
using Crdt.Server.Authorization;
using Crdt.Server.Blobs;
using Crdt.Server.Dashboard;
using Crdt.Server.DevIssuer;
using Crdt.Server.Following;
using Crdt.Server.GraphQL;
using Crdt.Server.Http;
using Crdt.Server.ThinClients;
using Crdt.Server.Tiles;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Crdt.Server.Hosting;

/// <summary>Puts the server peer together.</summary>
internal static class CrdtServer
{
    /// <summary>Short names on the command line.</summary>
    private static readonly Dictionary<string, string> Switches = new()
    {
        ["--data"] = "Crdt:Data",
        ["--space"] = "Crdt:Space",
        ["--listen"] = "Crdt:Listen",
        ["--discovery"] = "Crdt:Discovery",
        ["--plain"] = "Crdt:Plain",
        ["--key-file"] = "Crdt:KeyFile",
        ["--postgres"] = "Crdt:Postgres",
        ["--issuer"] = "Crdt:Access:Issuer",
        ["--audience"] = "Crdt:Access:Audience",
        ["--http"] = "Urls",
    };

    /// <summary>Opens the replica and makes the application; starting it listens.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="configure">Changes to the services, for tests.</param>
    public static async Task<WebApplication> CreateAsync(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        bool isDevelopment = args.Contains("--dev");
        if (isDevelopment) args = [.. args.Where(a => a != "--dev")];
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = args,
            EnvironmentName = isDevelopment ? Environments.Development : null,
        });
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Configuration.AddCommandLine(args, Switches);
        builder.Services.Configure<CrdtServerOptions>(builder.Configuration.GetSection(CrdtServerOptions.Section));
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton<TokenValidator>()
            .AddSingleton<GraphQLHttp>().AddSingleton<GraphQLSockets>().AddSingleton<GraphQLRequests>()
            .AddSingleton<RequestRates>().AddSingleton<ServerMetrics>().AddSingleton<TokenGate>().AddSingleton<CallerGate>().AddSingleton<TileEndpoints>().AddSingleton<BlobEndpoints>()
            .AddSingleton<PeerHost>().AddHostedService(static s => s.GetRequiredService<PeerHost>()).AddHostedService<Auditor>()
            .AddSingleton<RequestBook>().AddSingleton<LogFollower>().AddSingleton<ThinQueue>().AddSingleton<DeviceRegister>().AddCrdtSchema();
        // What the program itself says goes to the output, and nothing else.
        builder.Logging.AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        if (builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 })
        {
            builder.Services.AddOpenTelemetry().ConfigureResource(r => r.AddService("crdt-server"))
                .WithMetrics(m => m.AddMeter(ServerMetrics.Name, "Microsoft.AspNetCore.Hosting").AddOtlpExporter())
                .WithTracing(t => t.AddSource(ServerMetrics.Name, "Microsoft.AspNetCore").AddOtlpExporter());
        }
        configure?.Invoke(builder);
        CrdtServerOptions options = builder.Configuration.GetSection(CrdtServerOptions.Section).Get<CrdtServerOptions>() ?? new();
        bool isIssuing = DevIssuerSetup.IsWanted(options, builder.Environment);
        if (isIssuing) CheckLoopback(builder.Configuration["Urls"]);
        ServerSpace space = await ServerSpace.OpenAsync(options, TimeProvider.System, new GrantAdmission(options.Access.NeedsTokens));
        builder.Services.AddSingleton(_ => space);
        if (isIssuing)
        {
            ECDsaSecurityKey key = DevIssuerSetup.KeyIn(space.Data);
            builder.Services.AddSingleton<SecurityKey>(key);
            DevIssuerSetup.Add(builder, options, key);
        }
        WebApplication app = builder.Build();
        // Made by the container, so that it is closed with it, after everything that uses it.
        app.Services.GetRequiredService<ServerSpace>().Book = app.Services.GetRequiredService<RequestBook>();
        app.Services.GetRequiredService<LogFollower>().Start();
        // Made now, so that whoever collects finds it.
        _ = app.Services.GetRequiredService<ServerMetrics>();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(15) });
        if (isIssuing)
        {
            await DevIssuerSetup.RegisterClientsAsync(app.Services, space.Data);
            DevIssuerEndpoints.Map(app, app.Services.GetRequiredService<IOptions<CrdtServerOptions>>().Value.Access);
            app.UseAuthentication();
        }
        Map(app);
        return app;
    }

    /// <summary>Says where it listens: a line for peers, if it does, and one for each address of the interface.</summary>
    public static void Announce(WebApplication app, TextWriter output)
    {
        if (app.Services.GetRequiredService<PeerHost>().Listening is { } peers) output.WriteLine($"listening {peers}");
        foreach (string url in app.Urls) output.WriteLine($"http {url}");
        output.Flush();
    }

    private static void CheckLoopback(string? urls)
    {
        foreach (string url in (urls ?? "http://localhost:5000").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || !address.IsLoopback)
                throw new InvalidOperationException($"The issuer for development believes whoever reaches it, and so does not listen at '{url}': only on this machine.");
        }
    }

    private static void Map(WebApplication app)
    {
        DashboardFiles.Map(app);
        Health.Map(app, app.Services.GetRequiredService<ServerSpace>());
        TileEndpoints.Map(app);
        BlobEndpoints.Map(app);
        GraphQLHttp http = app.Services.GetRequiredService<GraphQLHttp>();
        CallerGate gate = app.Services.GetRequiredService<CallerGate>();
        GraphQLSockets sockets = app.Services.GetRequiredService<GraphQLSockets>();
        app.Map("/graphql", async (HttpContext context) =>
        {
            if (context.WebSockets.IsWebSocketRequest)
            {
                await sockets.HandleAsync(context, app.Lifetime.ApplicationStopping);
                return;
            }
            (Caller? caller, RequestRefusal? refusal) = await gate.AdmitAsync(context);
            if (caller is not null) await http.HandleAsync(context, caller);
            else await http.RefuseAsync(context, refusal!.Status, refusal.Code, refusal.Message);
        });
    }
}
