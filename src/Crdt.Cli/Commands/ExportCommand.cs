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

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("export", "Writes {\"key\":…,\"fields\":{…}}, one entity a line, in order of their keys.")
        {
            Domain, Type, File,
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
