using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt why</c>: why something is not synced, since when, what comes next, and who can change it.</summary>
internal static class WhyCommand
{
    private static readonly Argument<string> Subject = new("id")
    {
        HelpName = "ID",
        Description = "A mutation (its UUID, or REPLICA:SEQUENCE), an entity (domain/type/id), or a device (its replica id, or the "
            + "beginning of it, or 'here'), or an attachment (its root or SHA-256, or the beginning of one).",
    };

    private static readonly Option<bool> Audit = new("--audit")
    {
        Description = "Replays the log first, and tells what is not accounted for. Takes time in proportion to the log.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("why", "Tells why something is not synced: the reason, since when, what happens next, who can change it.")
        {
            Subject, Audit,
        },
        RunAsync);

    /// <summary>Reads a mutation's UUID, or REPLICA:SEQUENCE; null when it is neither.</summary>
    public static Dot? FindMutation(Replica replica, string text)
    {
        if (Guid.TryParse(text, out Guid id))
        {
            return MutationId.Find(id, replica.Vector.Select(d => d.Replica).Concat(replica.Fences.Select(f => f.Replica)).Append(replica.Id));
        }
        int colon = text.LastIndexOf(':');
        return colon > 0 && !text.Contains('/', StringComparison.Ordinal) && long.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long sequence)
            ? new Dot(Arguments.QueueOptions.FindAuthor(replica, text[..colon]), sequence)
            : null;
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        string text = context.Parsed.GetRequiredValue(Subject);
        await using CliHost host = await context.OpenAsync();
        if (Arguments.BlobArgument.TryFind(host.Replica, text) is { } blob && host.Replica.Blobs.Find(blob.Root) is { } state)
        {
            WriteBlob(context.Output, state, host.Replica);
            return ExitCode.Ok;
        }
        AuditReport? audit = context.Parsed.GetValue(Audit) ? await host.Replica.AuditAsync(context.Cancellation) : null;
        Explanation found = Find(host.Replica, text, audit);
        if (context.Output.IsJson) context.Output.Json(w => WriteMembers(w, found, audit));
        else Write(context.Output, found, audit);
        return found.Code == ExplanationCode.NotHere ? ExitCode.NotFound : ExitCode.Ok;
    }

    private static void WriteBlob(CliOutput output, BlobState state, Replica replica)
    {
        if (output.IsJson)
        {
            output.Json(w =>
            {
                w.WriteString("subject", state.Blob.Root.ToString());
                w.WriteString("code", Shown.Camel(state.Standing));
                w.WriteString("reason", state.Explanation);
                w.WriteString("next", BlobOutput.Next(state));
                w.WriteStartObject("blob");
                BlobOutput.WriteMembers(w, state, replica);
                w.WriteEndObject();
            });
            return;
        }
        output.Facts(
        [
            ("what", $"attachment {BlobOutput.Name(state.Blob)}, {state.Blob.MediaType}, {Shown.Bytes(state.Blob.Size)}"),
            ("root", state.Blob.Root.ToString()),
            ("status", $"{BlobOutput.Describe(state)}, {BlobOutput.Here(state)} here"),
            ("why", state.Explanation),
            ("next", BlobOutput.Next(state)),
            .. state.OnServers.Count > 0 ? ((string, string)[])[("held by", string.Join(", ", state.OnServers.Select(Shown.Short)))] : [],
            .. replica.Blobs.PlacesOf(state.Blob.Root).Select(p => ("named by", $"{p.Key} {p.Path}")),
        ]);
    }

    private static Explanation Find(Replica replica, string text, AuditReport? audit)
    {
        if (FindMutation(replica, text) is { } dot) return replica.Why(dot, audit);
        if (EntityKey.TryParse(text, out EntityKey? key)) return replica.Why(key, audit);
        if (text is not "here" && Guid.TryParse(text, out Guid id)) return replica.Why(new ReplicaId(id), audit);
        return replica.Why(Arguments.QueueOptions.FindAuthor(replica, text), audit);
    }

    private static void Write(CliOutput output, Explanation found, AuditReport? audit)
    {
        var facts = new List<(string, string)> { ("what", found.Subject), ("status", Shown.Camel(found.Code)), ("why", found.Reason) };
        if (found.Since is { } since) facts.Add(("since", Shown.Time(since)));
        facts.Add(("next", found.Next));
        if (found.Who is not WhoActs.Nobody) facts.Add(("who", Describe(found.Who)));
        if (found.Mutation is { } queued)
        {
            facts.Add(("mutation", $"{Shown.Camel(queued.Mutation.Kind)} of {queued.Mutation.Key} by {queued.Mutation.User ?? "nobody named"}, "
                + $"{Shown.Camel(queued.Status)}"));
        }
        if (found.HeldBy.Count > 0) facts.Add(("held by", string.Join(", ", found.HeldBy.Select(Shown.Short))));
        if (audit is not null) facts.Add(("unaccounted", Shown.Number(audit.Unaccounted.Count)));
        foreach (string note in found.Notes) facts.Add(("note", note));
        output.Facts(facts);
        foreach (Conflict conflict in found.Conflicts)
        {
            output.Line($"  {conflict.Path}: {string.Join(" or ", conflict.Siblings.Select(s => s.Value.ToJson()))}  "
                + $"(crdt resolve '{conflict.Key}' '{conflict.Path}' --pick N)");
        }
        if (found.Refusal is { } refusal) output.Line($"  crdt refused show {MutationId.Of(refusal.First)}");
        foreach (Explanation part in found.Parts) output.Line($"  {part.Subject}  {Shown.Camel(part.Code)}: {part.Reason}");
    }

    private static string Describe(WhoActs who) => who switch
    {
        WhoActs.Itself => "nobody has to: it goes on by itself",
        WhoActs.User => "whoever uses this device",
        WhoActs.Author => "whoever wrote it, or a supervisor",
        WhoActs.Operator => "whoever runs the servers, or enrols devices",
        _ => "nobody has to",
    };

    private static void WriteMembers(Utf8JsonWriter w, Explanation found, AuditReport? audit)
    {
        w.WriteString("subject", found.Subject);
        w.WriteString("code", Shown.Camel(found.Code));
        w.WriteString("reason", found.Reason);
        w.WriteTime("since", found.Since);
        w.WriteString("next", found.Next);
        w.WriteString("who", Shown.Camel(found.Who));
        if (found.Mutation is { } queued)
        {
            w.WriteStartObject("mutation");
            QueueOutput.WriteMembers(w, queued);
            w.WriteEndObject();
        }
        w.WriteStartArray("held_by");
        foreach (ReplicaId id in found.HeldBy) w.WriteStringValue(id.ToString());
        w.WriteEndArray();
        if (found.Refusal is { } refusal)
        {
            w.WriteStartObject("refusal");
            RefusedCommand.WriteMembers(w, refusal);
            w.WriteEndObject();
        }
        if (found.Peer is { } peer)
        {
            w.WriteStartObject("peer");
            PeerOutput.WriteMembers(w, peer);
            w.WriteEndObject();
        }
        WriteConflicts(w, found);
        if (found.Notes.Count > 0)
        {
            w.WriteStartArray("notes");
            foreach (string note in found.Notes) w.WriteStringValue(note);
            w.WriteEndArray();
        }
        if (found.Parts.Count > 0)
        {
            w.WriteStartArray("parts");
            foreach (Explanation part in found.Parts)
            {
                w.WriteStartObject();
                WriteMembers(w, part, null);
                w.WriteEndObject();
            }
            w.WriteEndArray();
        }
        if (audit is not null) w.WriteNumber("unaccounted", audit.Unaccounted.Count);
    }

    private static void WriteConflicts(Utf8JsonWriter w, Explanation found)
    {
        if (found.Conflicts.Count == 0) return;
        w.WriteStartArray("conflicts");
        foreach (Conflict conflict in found.Conflicts)
        {
            w.WriteStartObject();
            w.WriteString("entity", conflict.Key.ToString());
            w.WriteString("field", conflict.Path.ToString());
            w.WriteStartArray("values");
            foreach (Sibling sibling in conflict.Siblings) w.WriteRawValue(sibling.Value.ToJson(), skipInputValidation: true);
            w.WriteEndArray();
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }
}
