using System.CommandLine;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt verify</c>: proves the whole log, offline.</summary>
internal static class VerifyCommand
{
    // Of many only the first matters: what follows it may follow from it.
    private const int FaultsShown = 20;

    private static readonly Option<string?> Proof = new("--proof")
    {
        HelpName = "FILE",
        Description = "Instead: checks a proof of an entity's history, and shows that.",
    };

    private static readonly Option<string?> Trust = new("--trust")
    {
        HelpName = "HEX",
        Description = "With --proof: the space's id, or its authority's public key, from somebody you trust ('crdt space show'). Default: those "
            + "of the replica here.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("verify", "Proves the log offline: that each author's mutations are whole, in order, and signed by the device that the space's "
            + "authority has certified. Names the first that are not, and then ends with exit code 5. An open space has no signatures: there the "
            + "chains alone are checked. With --proof it checks a file that 'crdt export --proof' made, and shows what it proves.")
        {
            Proof, Trust,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        if (context.Parsed.GetValue(Proof) is { } proof) return await VerifyProofAsync(context, proof);
        await using CliHost host = await context.OpenAsync();
        Replica replica = host.Replica;
        LogFault[] faults = [.. replica.CheckLog(context.Cancellation).Take(FaultsShown)];
        Dictionary<ReplicaId, ChainHead> held = replica.Heads.ToDictionary(h => h.Author);
        // Who has not closed a run yet has no head: nothing of it has left its device.
        ChainHead[] heads = [.. replica.Vector.Select(d => held.GetValueOrDefault(d.Replica, new ChainHead(d.Replica, 0, default)))];
        if (context.Output.IsJson) WriteJson(context.Output, replica, heads, faults);
        else Write(context.Output, replica, heads, faults);
        return faults.Length == 0 ? ExitCode.Ok : ExitCode.Store;
    }

    private static async Task<ExitCode> VerifyProofAsync(CliContext context, string file)
    {
        byte[] trusted;
        if (context.Parsed.GetValue(Trust) is { } told)
        {
            try
            {
                trusted = Convert.FromHexString(told);
            }
            catch (FormatException e)
            {
                throw CliException.Usage($"'{told}' is no id of a space and no key: these are written in hex.", inner: e);
            }
        }
        else
        {
            await using CliHost host = await context.OpenAsync();
            trusted = Convert.FromHexString(host.Replica.Space.ToString());
        }
        EntityProof proof = EntityProof.Verify(await File.ReadAllBytesAsync(file, context.Cancellation), trusted);
        if (context.Output.IsJson)
        {
            foreach ((Mutation mutation, Enrolment by) in proof.Mutations) context.Output.Json(w => WriteJson(w, mutation, by));
            return ExitCode.Ok;
        }
        context.Output.Table(["time", "kind", "author", "owner", "changes"], proof.Mutations.Select(m => (IReadOnlyList<string>)
        [
            Shown.Time(m.Mutation.CreatedAt), Shown.Camel(m.Mutation.Kind), Shown.Short(m.Mutation.Dot.Replica), m.By.Owner ?? "",
            Shown.OneLine(string.Join(", ", m.Mutation.Changes.Select(c => $"{c.Path}={Shown.Value(c.Value)}"))),
        ]));
        context.Output.Line($"Proved: {Shown.Count(proof.Mutations.Count, "mutation")} of {proof.Key}, each signed by a device that the space's authority has certified."
            + (proof.Missing.Count == 0 ? "" : " What was written before a snapshot is not in the proof."));
        return ExitCode.Ok;
    }

    private static void WriteJson(System.Text.Json.Utf8JsonWriter w, Mutation mutation, Enrolment by)
    {
        w.WriteString("id", mutation.Id.ToString());
        w.WriteString("author", mutation.Dot.Replica.ToString());
        w.WriteNumber("sequence", mutation.Dot.Sequence);
        w.WriteTime("at", mutation.CreatedAt);
        w.WriteString("kind", Shown.Camel(mutation.Kind));
        w.WriteOptional("user", mutation.User);
        w.WriteString("device", by.Replica.ToString());
        w.WriteOptional("owner", by.Owner);
        w.WriteString("role", Shown.Camel(by.Role));
        w.WriteStartArray("changes");
        foreach (Change change in mutation.Changes)
        {
            w.WriteStartObject();
            w.WriteString("path", change.Path.ToString());
            w.WriteValue("value", change.Value);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    private static void Write(CliOutput output, Replica replica, ChainHead[] heads, LogFault[] faults)
    {
        output.Table(["author", "owner", "role", "mutations", "not signed yet", "head"], heads.Select(h => (IReadOnlyList<string>)
        [
            Shown.Author(h.Author, replica.Id), EnrolmentOf(replica, h)?.Owner ?? "", EnrolmentOf(replica, h) is { } e ? Shown.Camel(e.Role) : "",
            Shown.Number(h.Sequence), Shown.Number(Beyond(replica, h)), HashOf(h),
        ]), "mutations", "not signed yet");
        foreach (LogFault fault in faults)
            output.Line($"{Shown.Short(fault.At.Replica)} up to mutation {Shown.Number(fault.At.Sequence)}: {fault.Problem}.");
        if (faults.Length > 0) output.Line($"Not proved. The first that is wrong: mutation {Shown.Number(faults[0].At.Sequence)} of {faults[0].At.Replica}, or one before it.");
        else
        {
            string how = replica.IsKeyed ? "whole, in order, and signed by its device" : "whole and in order; the space is open, so nothing is signed";
            string from = replica.PrunedTo.Count == 0 ? "" : " Of what was dropped from the log, the snapshot that stands for it was verified.";
            output.Line($"Proved: {Shown.Count(heads.Sum(h => h.Sequence), "mutation")} of {Shown.Count(heads.Length, "author")}: each log is {how}.{from}");
            if (replica.IsKeyed && heads.Sum(h => Beyond(replica, h)) is > 0 and var open)
                output.Line($"{Shown.Count(open, "mutation")} of this device's own are signed when they leave it.");
        }
    }

    private static void WriteJson(CliOutput output, Replica replica, ChainHead[] heads, LogFault[] faults) => output.Json(w =>
    {
        w.WriteBoolean("proved", faults.Length == 0);
        w.WriteString("space", replica.Space.ToString());
        w.WriteBoolean("signed", replica.IsKeyed);
        w.WriteStartArray("authors");
        foreach (ChainHead head in heads)
        {
            w.WriteStartObject();
            w.WriteString("author", head.Author.ToString());
            w.WriteOptional("owner", EnrolmentOf(replica, head)?.Owner);
            w.WriteNumber("mutations", head.Sequence);
            w.WriteNumber("not_signed_yet", Beyond(replica, head));
            if (head.Sequence > 0) w.WriteString("head", Convert.ToHexStringLower(head.Hash.Span[..32]));
            w.WriteEndObject();
        }
        w.WriteEndArray();
        w.WriteStartArray("faults");
        foreach (LogFault fault in faults)
        {
            w.WriteStartObject();
            w.WriteString("author", fault.At.Replica.ToString());
            w.WriteNumber("up_to", fault.At.Sequence);
            w.WriteNumber("log_position", fault.Before.Value);
            w.WriteString("problem", fault.Problem);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });

    private static Enrolment? EnrolmentOf(Replica replica, ChainHead head) =>
        replica.Enrolments.FirstOrDefault(e => e.Replica == head.Author);

    /// <summary>What the author has written since it closed its last run.</summary>
    private static long Beyond(Replica replica, ChainHead head) => Math.Max(0, replica.Vector[head.Author] - head.Sequence);

    private static string HashOf(ChainHead head) => head.Sequence == 0 ? "" : Convert.ToHexStringLower(head.Hash.Span[..8]);
}
