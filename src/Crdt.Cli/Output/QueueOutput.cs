using System.Globalization;
using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>Mutations and where they stand, alike wherever they are listed.</summary>
internal static class QueueOutput
{
    public static void WriteTable(CliOutput output, IReadOnlyCollection<QueuedMutation> shown, ReplicaId self)
    {
        if (shown.Count == 0) return;
        if (output.IsInteractive)
        {
            output.Table(
                ["mutation", "author", "kind", "entity", "user", "created", "status", "held by"],
                shown.Select(q => (IReadOnlyList<string>)
                [
                    Shown.Short(q.Mutation.Id), .. Common(q, self, Shown.Second(q.Mutation.CreatedAt)), Number(q.HeldBy),
                ]),
                "held by");
            return;
        }
        output.Table(
            ["mutation", "seq", "author", "kind", "entity", "user", "created", "status", "synced", "held by", "attempts"],
            shown.Select(q => (IReadOnlyList<string>)
            [
                q.Mutation.Id.ToString(),
                Number(q.Mutation.Dot.Sequence),
                .. Common(q, self, Shown.Time(q.Mutation.CreatedAt)),
                q.SyncedAt is { } at ? Shown.Time(at) : "",
                Number(q.HeldBy),
                Number(q.Attempts),
            ]),
            "seq", "held by", "attempts");
    }

    /// <param name="output">Where to.</param>
    /// <param name="queued">The mutation.</param>
    /// <param name="next">Where the list goes on behind it; null where it does not.</param>
    public static void WriteJson(CliOutput output, QueuedMutation queued, MutationCursor? next) => output.Json(w =>
    {
        WriteMembers(w, queued);
        w.WriteOptional("next", next?.ToString());
    });

    /// <summary>The members of a mutation's object.</summary>
    public static void WriteMembers(Utf8JsonWriter w, QueuedMutation queued)
    {
        Mutation mutation = queued.Mutation;
        w.WriteString("id", mutation.Id.ToString());
        w.WriteString("author", mutation.Dot.Replica.ToString());
        w.WriteNumber("sequence", mutation.Dot.Sequence);
        w.WriteString("kind", Shown.Camel(mutation.Kind));
        w.WriteString("entity", mutation.Key.ToString());
        w.WriteOptional("user", mutation.User);
        w.WriteString("role", Shown.Camel(mutation.Role));
        w.WriteTime("created_at", mutation.CreatedAt);
        w.WriteString("status", Shown.Camel(queued.Status));
        w.WriteTime("synced_at", queued.SyncedAt);
        w.WriteNumber("held_by", queued.HeldBy);
        if (queued.Status == MutationStatus.Pending) WriteAttempts(w, queued.Attempts, queued.LastError, queued.NextAttempt);
        if (mutation.Origin is { } origin)
        {
            w.WriteStartObject("origin");
            w.WriteOptional("request", origin.RequestId?.ToString());
            w.WriteOptional("reissued", origin.Reissued is { } dot ? MutationId.Of(dot).ToString() : null);
            w.WriteEndObject();
        }
        if (!mutation.Context.IsNull) w.WriteValue("context", mutation.Context);
        w.WriteStartArray("changes");
        foreach (Change change in mutation.Changes)
        {
            w.WriteStartObject();
            w.WriteString("path", change.Path.ToString());
            if (change.Value is { } value) w.WriteValue("value", value);
            else w.WriteBoolean("removed", true);
            w.WriteNumber("replaces", change.Observed.Count);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    /// <summary>How often it was tried, why in vain, and when again.</summary>
    public static void WriteAttempts(Utf8JsonWriter w, int attempts, SyncFailure? error, DateTimeOffset? next)
    {
        w.WriteNumber("attempts", attempts);
        if (error is { } last)
        {
            w.WriteStartObject("last_error");
            w.WriteTime("at", last.At);
            w.WriteString("class", Shown.Camel(last.Class));
            w.WriteString("code", last.Code);
            w.WriteString("message", last.Message);
            w.WriteEndObject();
        }
        w.WriteTime("next_attempt", next);
    }

    private static IEnumerable<string> Common(QueuedMutation queued, ReplicaId self, string created) =>
    [
        Shown.Author(queued.Mutation.Dot.Replica, self),
        Shown.Camel(queued.Mutation.Kind),
        queued.Mutation.Key.ToString(),
        queued.Mutation.User ?? "",
        created,
        Shown.Camel(queued.Status),
    ];

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
