using System.CommandLine;
using System.Text;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt export</c>: what is alive, as JSON lines.</summary>
internal static class ExportCommand
{
    private static readonly Option<string?> Domain = new("--domain")
    {
        HelpName = "D",
        Description = "Only this domain. Default: all but the space's own.",
    };

    private static readonly Option<string?> Type = new("--type")
    {
        HelpName = "T",
        Description = "Only this type of the domain.",
    };

    private static readonly Option<string?> File = new("--output", "-o")
    {
        HelpName = "FILE",
        Description = "Where to; replaced as a whole when complete. Default: standard output.",
    };

    private static readonly Option<string?> Proof = new("--proof")
    {
        HelpName = "ENTITY",
        Description = "Instead: a file that proves the history of this entity to anybody who trusts the space's authority. Needs --output.",
    };

    private static readonly Option<bool> Partial = new("--partial")
    {
        Description = "With --proof: also where a snapshot stands for the beginning; the file says so.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("export", "Writes {\"key\":…,\"fields\":{…}}, one entity a line, in order of their keys; or with --proof what proves one entity's "
            + "history, which 'crdt verify --proof' checks anywhere.")
        {
            Domain, Type, File, Proof, Partial,
        },
        RunAsync);

    /// <summary>One line of an export.</summary>
    public static void Write(Action<string> line, Entity entity) => line(JsonText.Object(w =>
    {
        w.WriteString("key", entity.Key.ToString());
        w.WritePropertyName("fields");
        entity.WriteTo(w);
    }));

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        string? domain = context.Parsed.GetValue(Domain), type = context.Parsed.GetValue(Type);
        if (type is not null && domain is null)
            throw CliException.Usage("--type needs --domain.");
        if (context.Parsed.GetValue(Proof) is { } proved) return await ProveAsync(context, proved);
        await using CliHost host = await context.OpenAsync();
        // The store lists keys as of its projection, which is brought up to date first.
        await host.Replica.FlushAsync(context.Cancellation);
        if (context.Parsed.GetValue(File) is not { } file)
        {
            WriteAll(host, domain, type, context.Output.Raw, context.Cancellation);
            return ExitCode.Ok;
        }
        string unfinished = file + ".part";
        long count;
        await using (var writer = new StreamWriter(unfinished, append: false, new UTF8Encoding(false)))
            count = WriteAll(host, domain, type, line => writer.Write($"{line}\n"), context.Cancellation);
        System.IO.File.Move(unfinished, file, overwrite: true);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteNumber("entities", count);
                w.WriteString("output", file);
            });
        }
        else context.Output.Line($"{Shown.Count(count, "entity", "entities")} to {file}");
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ProveAsync(CliContext context, string entity)
    {
        if (!EntityKey.TryParse(entity, out EntityKey? key))
            throw CliException.Usage($"'{entity}' is no entity: domain/type/id.");
        if (context.Parsed.GetValue(File) is not { } file) throw CliException.Usage("--proof needs --output FILE.");
        await using CliHost host = await context.OpenAsync();
        ReadOnlyMemory<byte> proof = await host.Replica.ProveAsync(key, context.Parsed.GetValue(Partial), context.Cancellation);
        string unfinished = file + ".part";
        await System.IO.File.WriteAllBytesAsync(unfinished, proof, context.Cancellation);
        System.IO.File.Move(unfinished, file, overwrite: true);
        EntityProof made = EntityProof.Verify(proof, host.Replica.AuthorityKey.Span);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("entity", key.ToString());
                w.WriteNumber("mutations", made.Mutations.Count);
                w.WriteNumber("bytes", proof.Length);
                w.WriteBoolean("whole", made.Missing.Count == 0);
                w.WriteString("authority", Convert.ToHexStringLower(made.AuthorityKey.Span));
                w.WriteString("output", file);
            });
            return ExitCode.Ok;
        }
        context.Output.Line($"{Shown.Count(made.Mutations.Count, "mutation")} of {key}, {Shown.Bytes(proof.Length)} to {file}"
            + (made.Missing.Count == 0 ? "" : "; what a snapshot stands for is not in it"));
        context.Output.Line($"To check it elsewhere: crdt verify --proof {file} --trust {host.Replica.Space}");
        return ExitCode.Ok;
    }

    private static long WriteAll(
        CliHost host, string? domain, string? type, Action<string> line, CancellationToken cancellation)
    {
        long count = 0;
        foreach (EntityKey key in host.Store.Keys(domain, type))
        {
            cancellation.ThrowIfCancellationRequested();
            if ((domain is null && key.IsSpaceData) || host.Replica.Get(key) is not { } entity) continue;
            Write(line, entity);
            count++;
        }
        return count;
    }
}
