using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using Crdt.Cli.Arguments;
using Crdt.Cli.Import;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt import</c>: a file's rows become entities; again changes nothing.</summary>
internal static class ImportCommand
{
    private const int RejectionsShown = 20;

    private static readonly Argument<string> File = new("file")
    {
        HelpName = "FILE",
        Description = "CSV with a header, or JSON lines; - reads standard input.",
    };

    private static readonly Option<string> Domain = new("--domain")
    {
        HelpName = "D",
        Description = "Domain of the entities, as in incident.",
        Required = true,
    };

    private static readonly Option<string> Type = new("--type")
    {
        HelpName = "T",
        Description = "Type of the entities, as in strike.",
        Required = true,
    };

    private static readonly Option<string?> Id = new("--id")
    {
        HelpName = "COLUMN",
        Description = "Column that holds the entities' ids. Default: ids are made of the rows' content, so the same "
            + "row is the "
            + "same entity on every device.",
    };

    private static readonly Option<string?> Format = new("--format")
    {
        HelpName = "csv|jsonl",
        Description = "Default: by the file's name; csv if it does not tell.",
    };

    private static readonly Option<string[]> Types = new("--types")
    {
        HelpName = "[COLUMN=]KIND",
        Description = "What CSV cells become, for all columns or one: auto (the default: a number if it is written "
            + "exactly as the "
            + "number would be, as 7 but not 007 or 1.50; else text), text, number, boolean, timestamp, json. May "
            + "be repeated.",
    };

    private static readonly Option<char?> Separator = new("--separator")
    {
        HelpName = "C",
        Description = "What stands between CSV cells; 'tab' is understood. Default: a comma.",
        CustomParser = result =>
        {
            string text = CommonOptions.Single(result);
            if (text is "tab" or "\\t") return '\t';
            if (text.Length == 1 && text[0] is not ('"' or '\n' or '\r')) return text[0];
            result.AddError($"'{text}' is not one character.");
            return null;
        },
    };

    private static readonly Option<long?> From = new("--from")
    {
        HelpName = "N",
        Description = "Begins with the N-th row.",
        CustomParser = result => CommonOptions.WholeNumber(result, 1, long.MaxValue),
    };

    private static readonly Option<long?> Count = new("--count")
    {
        HelpName = "M",
        Description = "Takes at most M rows.",
        CustomParser = result => CommonOptions.WholeNumber(result, 0, long.MaxValue),
    };

    private static readonly Option<Shard?> Share = new("--shard")
    {
        HelpName = "I/N",
        Description = "Takes every N-th row, beginning with the I-th: so that N devices share a file.",
        CustomParser = ParseShard,
    };

    private static readonly Option<string?> Context = PutCommand.ContextOption();

    private static readonly Option<bool> Recreate = new("--recreate")
    {
        Description = "Makes entities anew that were deleted here; otherwise they stay deleted.",
    };

    private static readonly Option<bool> Relaxed = new("--relaxed")
    {
        Description = "Waits for the disk once, at the end, instead of for every 200 rows. A power cut before that takes the last rows "
            + "away, from the end on; the same import again brings them back.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("import", "Makes entities of a file's rows and updates those that differ. An empty CSV cell is "
            + "an absent "
            + "field; what a row does not name stays. Exit code 7 when rows were rejected.")
        {
            File, Domain, Type, Id, Format, Types, Separator, From, Count, Share, Recreate, Relaxed, Context,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        string file = context.Parsed.GetRequiredValue(File);
        string domain = context.Parsed.GetRequiredValue(Domain), type = context.Parsed.GetRequiredValue(Type);
        bool isCsv = IsCsv(context.Parsed.GetValue(Format), file);
        var types = CellTypes.Parse(context.Parsed.GetValue(Types) ?? []);
        CheckType(domain, type);
        Value metadata = FieldEdits.ReadContext(context.Parsed.GetValue(Context));
        await using Stream input = OpenInput(context, file);
        await using CliHost host = await context.OpenAsync();
        var summary = new ImportSummary();
        summary.OnRejected = (line, reason) =>
        {
            if (summary.Rejected <= RejectionsShown && !context.Output.IsJson)
                context.Output.Warn($"line {line}: {Shown.OneLine(reason)}");
        };
        long started = Stopwatch.GetTimestamp();
        string? id = context.Parsed.GetValue(Id);
        IEnumerable<ImportRow> rows = isCsv
            ? CsvRows.Read(input, types, context.Parsed.GetValue(Separator) ?? ',', id)
            : JsonRows.Read(input);
        string? user = PutCommand.Begin(host.Replica, context.User).User;
        Durability durability = context.Parsed.GetValue(Relaxed) ? Durability.Relaxed : Durability.Durable;
        var importer = new Importer(host.Replica, user, metadata, context.Parsed.GetValue(Recreate), durability, summary);
        await context.Output.ProgressAsync($"Importing {Path.GetFileName(file)}", async report =>
        {
            await ImportAsync(context, rows, new RowKeys(domain, type, id), importer, summary, () =>
            {
                double done = input.CanSeek && input.Length > 0 ? (double)input.Position / input.Length : 0;
                report(done, Shown.Count(summary.Rows, "row"));
            });
            if (durability == Durability.Relaxed) await host.Replica.FlushAsync(context.Cancellation);
            return 0;
        });
        Report(context.Output, file, $"{domain}/{type}", summary, Stopwatch.GetElapsedTime(started));
        return summary.Rejected > 0 ? ExitCode.Incomplete : ExitCode.Ok;
    }

    private static async Task ImportAsync(
        CliContext context, IEnumerable<ImportRow> rows, RowKeys keys, Importer importer, ImportSummary summary,
        Action report)
    {
        const int RowsPerReport = 100;
        long from = context.Parsed.GetValue(From) ?? 1, count = context.Parsed.GetValue(Count) ?? long.MaxValue;
        Shard shard = context.Parsed.GetValue(Share) ?? default;
        try
        {
            foreach (ImportRow row in rows)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                // Rows of others count too: the whole file decides which of equal rows this is, and which ids are taken.
                (EntityKey? key, string? rejection) = row.Rejection is null ? keys.Next(row) : (null, row.Rejection);
                if (row.Number < from || row.Number - from >= count || !shard.Takes(row.Number)) continue;
                summary.Rows++;
                if (key is null) summary.Reject(row.Line, rejection!);
                else await importer.AddAsync(key, row, context.Cancellation);
                if (summary.Rows % RowsPerReport == 0) report();
            }
        }
        catch (CliException)
        {
            // The file breaks off in the middle: what came before is taken all the same.
            await importer.FinishAsync(context.Cancellation);
            throw;
        }
        await importer.FinishAsync(context.Cancellation);
    }

    private static bool IsCsv(string? format, string file) => format?.ToLowerInvariant() switch
    {
        "csv" => true,
        "jsonl" => false,
        null => Path.GetExtension(file).ToLowerInvariant() is not (".jsonl" or ".ndjson" or ".json"),
        _ => throw CliException.Usage($"--format {format}: csv and jsonl are read."),
    };

    private static void CheckType(string domain, string type)
    {
        try
        {
            if (new EntityKey(domain, type, "1").IsSpaceData)
                throw CliException.Usage("The space's own data is not imported.");
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
    }

    private static Stream OpenInput(CliContext context, string file)
    {
        if (file == "-") return context.OpenInput();
        try
        {
            return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"'{file}' cannot be read: {e.Message}", inner: e);
        }
    }

    private static Shard? ParseShard(ArgumentResult result)
    {
        if (!Shard.TryParse(CommonOptions.Single(result), out Shard shard))
            result.AddError($"'{CommonOptions.Single(result)}' is not I/N with I from 1 to N, as in 1/3.");
        return shard;
    }

    private static void Report(CliOutput output, string file, string type, ImportSummary summary, TimeSpan time)
    {
        if (output.IsJson)
        {
            WriteJson(output, file, summary, time);
            return;
        }
        if (summary.Rejected > RejectionsShown)
            output.Warn($"{Shown.Number(summary.Rejected - RejectionsShown)} more rejected lines; --json lists up "
                + "to 1,000.");
        output.Line($"{Shown.Count(summary.Rows, "row")} of {file} into {type} in {Shown.Seconds(time)}: "
            + $"{Shown.Number(summary.Created)} created, {Shown.Number(summary.Updated)} updated, "
            + $"{Shown.Number(summary.Unchanged)} unchanged, {Shown.Number(summary.Rejected)} rejected"
            + (summary.Deleted == 0
                ? ""
                : $", {Shown.Number(summary.Deleted)} left deleted (--recreate makes them anew)"));
    }

    private static void WriteJson(
        CliOutput output, string file, ImportSummary summary, TimeSpan time) => output.Json(w =>
    {
        w.WriteString("file", file);
        w.WriteNumber("rows", summary.Rows);
        w.WriteNumber("created", summary.Created);
        w.WriteNumber("updated", summary.Updated);
        w.WriteNumber("unchanged", summary.Unchanged);
        w.WriteNumber("deleted", summary.Deleted);
        w.WriteNumber("rejected", summary.Rejected);
        w.WriteNumber("mutations", summary.Mutations);
        w.WriteNumber("seconds", Math.Round(time.TotalSeconds, 3));
        w.WriteStartArray("rejections");
        foreach ((long line, string reason) in summary.Rejections)
        {
            w.WriteStartObject();
            w.WriteNumber("line", line);
            w.WriteString("reason", reason);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });
}
