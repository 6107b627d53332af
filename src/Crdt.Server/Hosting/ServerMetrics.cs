using System.Diagnostics;
using System.Diagnostics.Metrics;
using Crdt.Server.Following;
using Crdt.Transport;

namespace Crdt.Server.Hosting;

/// <summary>The server in numbers, for OpenTelemetry: asked for when somebody collects, and free otherwise.</summary>
internal sealed class ServerMetrics : IDisposable
{
    /// <summary>Name of the meter and of the source of traces.</summary>
    public const string Name = "Crdt.Server";

    private readonly Meter meter = new(Name);
    private readonly ServerSpace space;
    private readonly TimeProvider time;
    private readonly Counter<long> requests;
    private readonly Histogram<double> durations;
    private readonly Counter<long> sessions;

    public ServerMetrics(ServerSpace space, LogFollower follower, TimeProvider time)
    {
        (this.space, this.time) = (space, time);
        requests = meter.CreateCounter<long>("crdt.graphql.requests", "{request}", "GraphQL operations, by whether they had errors.");
        durations = meter.CreateHistogram<double>("crdt.graphql.duration", "s", "How long GraphQL operations took.");
        meter.CreateObservableGauge("crdt.mutations", Mutations, "{mutation}", "Mutations held here, by where they stand.");
        meter.CreateObservableGauge("crdt.queue.oldest_pending", OldestPending, "s", "Age of the oldest mutation that no server is known to hold.");
        meter.CreateObservableGauge("crdt.conflicts.open", () => space.Replica.Conflicts().LongCount(), "{conflict}", "Conflicts that wait for a person.");
        meter.CreateObservableGauge("crdt.refusals.open", () => space.Replica.Refusals().LongCount(), "{transaction}", "Refused work that waits for a decision.");
        meter.CreateObservableGauge("crdt.divergences", () => space.Replica.Divergences.Count, "{replica}", "Replicas that hold the same mutations and another state.");
        meter.CreateObservableGauge("crdt.clock.skew_max", () => space.Replica.ClockSkews.Select(s => Math.Abs(s.OffsetMs)).DefaultIfEmpty().Max(), "ms",
            "The farthest another device's clock is from this one's.");
        meter.CreateObservableGauge("crdt.peers.connections", () => space.Node?.Connections.Count ?? 0, "{connection}", "Connections to peers.");
        sessions = meter.CreateCounter<long>("crdt.sessions", "{session}", "Sessions with peers, by what became of them: connected, disconnected, refused, failed.");
        meter.CreateObservableCounter("crdt.sync.bytes", () => Moved(t => t.BytesSent, t => t.BytesReceived), "By", "Bytes of sessions with peers, by direction.");
        meter.CreateObservableCounter("crdt.sync.batches", () => Moved(t => t.BatchesSent, t => t.BatchesReceived), "{batch}", "Batches of mutations, by direction; received are those that were news.");
        meter.CreateObservableCounter("crdt.sync.mutations", () => Moved(t => t.MutationsSent, t => t.MutationsReceived), "{mutation}", "Mutations, by direction; received are those that were news.");
        meter.CreateObservableGauge("crdt.unaccounted", Unaccounted, "{value}", "Values written that are neither held nor replaced nor refused, at the last look through the log.");
        meter.CreateObservableGauge("crdt.subscriptions", () => follower.Mutations.Listeners + follower.Conflicts.Listeners + follower.Entities.Listeners,
            "{subscription}", "GraphQL subscriptions.");
    }

    /// <summary>Traces of operations.</summary>
    public ActivitySource Source { get; } = new(Name);


    /// <summary>Counts an operation.</summary>
    public void Count(TimeSpan took, bool hasErrors)
    {
        var tag = new KeyValuePair<string, object?>("error", hasErrors);
        requests.Add(1, tag);
        durations.Record(took.TotalSeconds, tag);
    }

    /// <summary>Counts what happened with a peer; of a session that ended, leaves a trace.</summary>
    public void Count(PeerNodeEvent happened)
    {
        string? outcome = happened.Kind switch
        {
            PeerNodeEventKind.Connected => "connected",
            PeerNodeEventKind.Disconnected => "disconnected",
            PeerNodeEventKind.Refused or PeerNodeEventKind.Penalised => "refused",
            PeerNodeEventKind.DialFailed or PeerNodeEventKind.AcceptFailed => "failed",
            _ => null,
        };
        if (outcome is null) return;
        sessions.Add(1, new("outcome", outcome), new("error", happened.Error.ToString()));
        if (happened.Connection is not { } connection) return;
        if (happened.Kind == PeerNodeEventKind.Connected) space.Sessions.Begin(connection, happened.At);
        else if (space.Sessions.End(connection, space.Replica.Space) is { } ended) Trace(happened, ended.Begun, ended.Traffic);
    }

    public void Dispose()
    {
        meter.Dispose();
        Source.Dispose();
    }

    private void Trace(PeerNodeEvent happened, DateTimeOffset begun, SessionTraffic moved)
    {
        using Activity? trace = Source.StartActivity("sync session", ActivityKind.Server, default(ActivityContext), startTime: begun);
        trace?.SetTag("crdt.peer", happened.Connection!.PeerNodeId).SetTag("crdt.end", happened.Error.ToString())
            .SetTag("crdt.bytes.sent", moved.BytesSent).SetTag("crdt.bytes.received", moved.BytesReceived)
            .SetTag("crdt.mutations.sent", moved.MutationsSent).SetTag("crdt.mutations.received", moved.MutationsReceived);
    }

    private Measurement<long>[] Moved(Func<SessionTraffic, long> sent, Func<SessionTraffic, long> received)
    {
        SessionTraffic all = space.Sessions.Read(space.Replica.Space);
        return [new(sent(all), new KeyValuePair<string, object?>("direction", "sent")), new(received(all), new KeyValuePair<string, object?>("direction", "received"))];
    }

    // Before the first look nothing is known, and nothing is told.
    private IEnumerable<Measurement<long>> Unaccounted() => space.LastAudit is { } audit ? [new(audit.Report.Unaccounted.Count)] : [];

    private Measurement<long>[] Mutations()
    {
        IReadOnlyList<DeviceQueue> queues = space.Replica.Queues();
        return
        [
            Of(MutationStatus.Pending, queues.Sum(q => q.Pending)), Of(MutationStatus.Synced, queues.Sum(q => q.Synced)),
            Of(MutationStatus.Conflict, queues.Sum(q => q.Conflict)), Of(MutationStatus.Failed, queues.Sum(q => q.Failed)),
        ];

        static Measurement<long> Of(MutationStatus status, long count) =>
            new(count, new KeyValuePair<string, object?>("status", status.ToString().ToLowerInvariant()));
    }

    private double OldestPending() => space.Replica.Queues().Min(q => q.OldestPending) is { } oldest
        ? Math.Max(0, (time.GetUtcNow() - oldest).TotalSeconds) : 0;
}
