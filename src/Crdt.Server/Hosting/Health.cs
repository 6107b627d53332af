using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Crdt.Server.Hosting;

/// <summary>Whether the server lives, and whether it can do its work: for whoever starts and routes, without a token.</summary>
internal static class Health
{
    public static void Map(WebApplication app, ServerSpace space)
    {
        app.MapGet("/health/live", () => Results.Text("live"));
        app.MapGet("/health/ready", () => Problem(space, app.Lifetime.ApplicationStopping) is { } problem
            ? Results.Text(problem, statusCode: StatusCodes.Status503ServiceUnavailable) : Results.Text("ready"));
    }

    private static string? Problem(ServerSpace space, CancellationToken stopping) => stopping.IsCancellationRequested ? "stopping"
        : space.Replica.Vector.Count == 0 ? "not joined: the space's founding has not arrived"
        : space.Replica.Fences.Any(f => f.Replica == space.Replica.Id) ? "ended: this server's log was fenced"
        : space.Fault is not null ? "the database's log is another process's now, or lost what was not durable: start this one again"
        : space.Feed?.Error is not null ? "the database does not answer"
        : space.Replica.ProjectionError is not null ? "the projection cannot be written: see the log"
        : null;
}
