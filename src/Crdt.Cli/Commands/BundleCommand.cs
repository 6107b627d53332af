using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt bundle export</c>, <c>import</c> and <c>show</c>: one delta, any road.</summary>
internal static class BundleCommand
{
    private static readonly Argument<string> To = new("file")
    {
        HelpName = "FILE",
        Description = "Where to; replaced as a whole when complete.",
    };

    private static readonly Argument<string> From = new("file") { HelpName = "FILE", Description = "The bundle." };

    private static readonly Option<string?> For = new("--for")
    {
        HelpName = "ID",
        Description = "What this replica lacks, as far as is known here: its id or the beginning of it.",
    };

    private static readonly Option<string?> Since = new("--since")
    {
        HelpName = "VECTOR",
        Description = "What a holder of this lacks: ID:SEQUENCE,… or a file with what 'crdt status --json' printed there.",
    };

    private static readonly Option<bool> WithBlobs = new("--blobs")
    {
        Description = "Puts in the content of attachments too, as far as it is here, of those that its reader does not know of yet.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command bundle)
    {
        var export = new Command("export",
            "Writes what somebody lacks into one file, for a stick or a courier; without --for and --since everything.")
        {
            To, For, Since, WithBlobs,
        };
        var import = new Command("import", "Takes what is in a bundle. Again changes nothing; after an interruption it goes on.")
        {
            From,
        };
        var show = new Command("show", "Tells what a bundle holds and whether it is whole; needs no replica.") { From };
        bundle = new Command("bundle", "Carries changes where no network does.") { export, import, show };
        return [(export, ExportAsync), (import, ImportAsync), (show, ShowAsync)];
    }

    private static async Task<ExitCode> ExportAsync(CliContext context)
    {
        string file = context.Parsed.GetRequiredValue(To), unfinished = file + ".part";
        string? reader = context.Parsed.GetValue(For), since = context.Parsed.GetValue(Since);
        if (reader is not null && since is not null)
            throw CliException.Usage("--for and --since both say where the bundle begins: give one of them.");
        await using CliHost host = await context.OpenAsync();
        ReplicaId? whom = reader is null ? null : ReplicaNames.Find(host.Replica, reader);
        if (whom == host.Replica.Id) throw CliException.Usage($"{whom} is this very replica.");
        VersionVector held = whom is { } id ? host.Replica.HeldBy(id)
            : since is null ? VersionVector.Empty : ReplicaNames.Vector(since);
        if (host.Replica.Vector.Count == 0)
        {
            throw new CliException(ExitCode.Precondition, "The replica has not met its space yet: there is nothing to carry.",
                "'crdt sync' with a peer, or import a bundle first.");
        }
        Bundle bundle;
        await using (FileStream output = new(unfinished, FileMode.Create, FileAccess.Write))
        {
            bundle = await host.Replica.ExportBundleAsync(
                output, held, whom, context.Parsed.GetValue(WithBlobs), context.Cancellation);
            output.Flush(flushToDisk: true);
        }
        File.Move(unfinished, file, overwrite: true);
        if (context.Output.IsJson) context.Output.Json(w => WriteJson(w, bundle, null));
        else
        {
            context.Output.Line($"{Shown.Count(bundle.Mutations, "mutation")}, {Shown.Bytes(bundle.LengthBytes)}, to {file}"
                + (whom is { } there ? $", for {Shown.Short(there)}." : "."));
            if (whom is not null && held.Count == 0)
                context.Output.Note("Nothing is known of what it holds: the bundle has everything.");
            context.Output.Note("Anybody can read a bundle who has it: carry it as you would the data.");
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ImportAsync(CliContext context)
    {
        await using FileStream input = Open(context.Parsed.GetRequiredValue(From));
        await using CliHost host = await context.OpenAsync();
        BundleImport taken;
        try
        {
            taken = await host.Replica.ImportBundleAsync(input, context.Cancellation);
        }
        catch (BundleException e)
        {
            throw Explain(e, host.Replica);
        }
        if (context.Output.IsJson) context.Output.Json(w => WriteJson(w, taken.Bundle, taken.Mutations));
        else
        {
            context.Output.Line(taken.Mutations == 0
                ? $"Nothing new: all of its {Shown.Count(taken.Bundle.Mutations, "mutation")} was here already."
                : $"{Shown.Count(taken.Mutations, "new mutation")} from {Shown.Short(taken.Bundle.Maker)}, "
                    + $"as of {Shown.Time(taken.Bundle.MadeAt)}.");
            if (taken.Blobs > 0) context.Output.Line($"{Shown.Count(taken.Blobs, "new attachment")}.");
            context.Output.Note($"'crdt bundle export FILE --for {Shown.Short(taken.Bundle.Maker)}' carries the answer back: "
                + "it tells what is held here, too.");
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ShowAsync(CliContext context)
    {
        await using FileStream input = Open(context.Parsed.GetRequiredValue(From));
        Bundle bundle;
        try
        {
            bundle = await Bundle.ReadAsync(input, context.Cancellation);
        }
        catch (BundleException e)
        {
            throw Explain(e, null);
        }
        if (context.Output.IsJson)
        {
            context.Output.Json(w => WriteJson(w, bundle, null));
            return ExitCode.Ok;
        }
        context.Output.Facts(
            ("space", bundle.Space.ToString()),
            ("maker", bundle.Maker.ToString()),
            ("made at", Shown.Time(bundle.MadeAt)),
            ("for", bundle.Reader?.ToString() ?? "anybody"),
            ("mutations", Shown.Number(bundle.Mutations)),
            ("length", Shown.Bytes(bundle.LengthBytes)),
            ("needs", Vector(bundle.Since)),
            ("leads to", Vector(bundle.Until)));
        return ExitCode.Ok;
    }

    private static FileStream Open(string file) => File.Exists(file)
        ? new FileStream(file, FileMode.Open, FileAccess.Read)
        : throw CliException.Usage($"There is no file '{file}'.");

    private static string Vector(VersionVector vector) => vector.Count == 0 ? "nothing"
        : string.Join("  ", vector.Select(d => $"{Shown.Short(d.Replica)}: {Shown.Number(d.Sequence)}"));

    private static void WriteJson(System.Text.Json.Utf8JsonWriter w, Bundle bundle, long? news)
    {
        w.WriteString("space", bundle.Space.ToString());
        w.WriteString("maker", bundle.Maker.ToString());
        w.WriteTime("made_at", bundle.MadeAt);
        w.WriteOptional("for", bundle.Reader?.ToString());
        w.WriteNumber("mutations", bundle.Mutations);
        if (news is { } count) w.WriteNumber("new_mutations", count);
        w.WriteNumber("bytes", bundle.LengthBytes);
        w.WriteVector("since", bundle.Since);
        w.WriteVector("until", bundle.Until);
    }

    private static CliException Explain(BundleException error, Replica? replica) => error.Error switch
    {
        BundleError.NotABundle or BundleError.UnknownFormat => CliException.Usage(error.Message, inner: error),
        BundleError.WrongSpace => new(ExitCode.Precondition, error.Message, "'crdt bundle show' tells of which space it is.", error),
        BundleError.Gap => new(ExitCode.Precondition, error.Message,
            "Have one made that begins earlier: 'crdt bundle export FILE --since "
                + $"{string.Join(',', replica?.Vector.Select(d => $"{d.Replica}:{d.Sequence}") ?? [])}'"
                + (replica is { Vector.Count: 0 } ? " without --since." : "."), error),
        BundleError.Damaged or BundleError.Incomplete => new(ExitCode.Incomplete, error.Message,
            replica is null ? "Copy it anew." : "What stands before that was taken and is kept. Copy the bundle anew and import it again.", error),
        _ => new(ExitCode.Peer, error.Message, null, error),
    };
}
