using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt doctor</c>: checks a replica's files, and repairs what can be rebuilt.</summary>
internal static class DoctorCommand
{
    private static readonly Option<bool> Repair = new("--repair")
    {
        Description = "Puts right what can be without losing anything: builds the projection anew from the log, drops an unfinished write. "
            + "What is replaced is kept aside.",
    };

    private static readonly Option<bool> CutLog = new("--cut-log")
    {
        Description = "With --repair, of a damaged log: ends it before the damage, keeps the rest aside and applies of it what fits, and "
            + "goes on under a new id. Peers send again what they hold; what nobody else holds and the damage has hit is lost.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("doctor", "Checks a replica's files without changing them: check-sums, hash chains, signatures, the digest computed anew "
            + "from the log, registers, documents and attachments. Exit code 0 when all is sound, 5 when something is wrong, 7 when another process has "
            + "the replica open and only its log was checked.")
        {
            Repair, CutLog,
        },
        RunAsync);

    // Without what the replica is encrypted under: the doctor tells that itself.
    private static EcdsaNodeKey? TryOpenKey(string data, StoreKey? key)
    {
        try
        {
            return CliHost.OpenKey(data, key);
        }
        catch (StoreException e) when (e.Error is StoreError.KeyRequired or StoreError.WrongKey)
        {
            return null;
        }
    }

    /// <summary>Whether a device of a keyed space has no key file: what it was invited with tells that it is keyed.</summary>
    private static async Task<bool> LacksKeyAsync(CliContext context)
    {
        if (File.Exists(NodeKeyFile.PathIn(context.Data)) || !File.Exists(CliHost.InvitationPath(context.Data))) return false;
        return (await CliHost.ReadInvitationAsync(CliHost.InvitationPath(context.Data), context.Cancellation)).IsKeyed;
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        bool repairs = context.Parsed.GetValue(Repair), cuts = context.Parsed.GetValue(CutLog);
        if (cuts && !repairs) throw CliException.Usage("--cut-log goes with --repair.");
        using StoreKey? key = context.ReadKey();
        using EcdsaNodeKey? node = TryOpenKey(context.Data, key);
        bool lacksKey = await LacksKeyAsync(context);
        if (cuts && lacksKey)
        {
            throw new CliException(ExitCode.Store, $"The key of this device is missing: '{NodeKeyFile.PathIn(context.Data)}'.",
                "Bring it back from a backup first: what follows a cut is signed with it. 'crdt doctor' tells more.");
        }
        var options = new StoreDoctorOptions
        {
            LacksNodeKey = lacksKey,
            Replica = CliHost.OptionsFor(CliHost.RecordPath(context.Data), context.Time, node),
            Key = key,
            CutsDamagedLog = cuts,
        };
        StoreReport report = await context.Output.ProgressAsync("Checking", _ => repairs
            ? StoreDoctor.RepairAsync(context.Data, options, context.Cancellation)
            : StoreDoctor.CheckAsync(context.Data, options, context.Cancellation));
        if (context.Output.IsJson) WriteJson(context.Output, report);
        else Write(context.Output, report);
        return !report.IsSound ? ExitCode.Store : report.IsComplete ? ExitCode.Ok : ExitCode.Incomplete;
    }

    private static void Write(CliOutput output, StoreReport report)
    {
        output.Facts(
            ("replica", report.Directory + (report.IsEncrypted ? "  (encrypted)" : "")),
            ("log", $"{Shown.Count(report.Entries, "entry", "entries")}, {Shown.Count(report.Mutations, "mutation")} in "
                + $"{Shown.Count(report.Segments, "segment")}, {Shown.Number(report.LogLengthBytes)} bytes"),
            ("digest", report.Digest?.ToString() ?? "not computed"),
            ("compared", Shown.Count(report.EntitiesCompared, "entity", "entities")),
            ("attachments", $"{Shown.Number(report.Blobs)}, {Shown.Bytes(report.BlobLengthBytes)}"));
        foreach (string repair in report.Repairs) output.Line($"repaired: {repair}");
        foreach (StoreFinding finding in report.Findings)
        {
            output.Line($"{(finding.IsHarmless ? "note" : "WRONG")}: {finding.Where}: {finding.Problem}");
            output.Line($"  {finding.WayOut}");
        }
        output.Line(report switch
        {
            { IsSound: false } => "Not sound.",
            { IsComplete: false } => "Sound, as far as it was checked.",
            _ => "Sound.",
        });
    }

    private static void WriteJson(CliOutput output, StoreReport report) => output.Json(w =>
    {
        w.WriteBoolean("sound", report.IsSound);
        w.WriteBoolean("complete", report.IsComplete);
        w.WriteString("data", report.Directory);
        w.WriteBoolean("encrypted", report.IsEncrypted);
        w.WriteNumber("segments", report.Segments);
        w.WriteNumber("log_bytes", report.LogLengthBytes);
        w.WriteNumber("entries", report.Entries);
        w.WriteNumber("mutations", report.Mutations);
        w.WriteOptional("digest", report.Digest?.ToString());
        w.WriteNumber("entities_compared", report.EntitiesCompared);
        w.WriteNumber("blobs", report.Blobs);
        w.WriteNumber("blob_bytes", report.BlobLengthBytes);
        w.WriteStartArray("repairs");
        foreach (string repair in report.Repairs) w.WriteStringValue(repair);
        w.WriteEndArray();
        w.WriteStartArray("findings");
        foreach (StoreFinding finding in report.Findings)
        {
            w.WriteStartObject();
            w.WriteString("kind", Shown.Camel(finding.Kind));
            w.WriteBoolean("harmless", finding.IsHarmless);
            w.WriteBoolean("repairable", finding.IsRepairable);
            w.WriteString("where", finding.Where);
            w.WriteString("problem", finding.Problem);
            w.WriteString("way_out", finding.WayOut);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });
}
