using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt blob …</c>: attachments: taking files in, giving them out, how they stand, and making room.</summary>
internal static class BlobCommand
{
    private const string DefaultField = "file";

    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(100);

    private static readonly Argument<EntityKey> Key = CommonOptions.Key();

    private static readonly Argument<string> File = new("file")
    {
        HelpName = "FILE|-",
        Description = "What to attach, of any size; - reads standard input.",
    };

    private static readonly Option<string> Into = new("--field", "-f")
    {
        HelpName = "FIELD",
        Description = $"The field that names it; report/photo is a nested one. Default: {DefaultField}. What was attached there is replaced.",
        DefaultValueFactory = static _ => DefaultField,
    };

    private static readonly Option<string?> MediaType = new("--type")
    {
        HelpName = "TYPE",
        Description = "Its media type, as in image/jpeg. Default: by the file's extension.",
    };

    private static readonly Option<string?> Name = new("--name")
    {
        HelpName = "NAME",
        Description = "The file's name that others see. Default: as it is called here.",
    };

    private static readonly Option<string?> Context = PutCommand.ContextOption();

    private static readonly Argument<string> Subject = new("blob") { HelpName = "BLOB", Description = $"The attachment: {BlobArgument.Rule}." };

    private static readonly Argument<string?> Field = BlobArgument.Field();

    private static readonly Option<string?> Output = new("--output", "-o")
    {
        HelpName = "FILE|-",
        Description = "Where to write it; - is standard output. Default: a new file here, called as it is.",
    };

    private static readonly Option<bool> Missing = new("--missing", "-m") { Description = "Only those that are not here, or not all of them." };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command blob)
    {
        var put = new Command("put", "Attaches a file to an entity: takes its content in, and sets a field to it. The entity is made if need be.")
        {
            Key, File, Into, MediaType, Name, Context,
        };
        var get = new Command("get", "Writes an attachment to a file. Exit code 6 when it is not all here: 'crdt blob fetch' brings it.") { Subject, Field, Output };
        var list = new Command("ls", "Lists the attachments that fields name: how much of each is here, which servers hold it, and why it does not come.") { Missing };
        (Command Command, Func<CliContext, Task<ExitCode>> Run)[] room = BlobRoomCommands.Create();
        (Command Command, Func<CliContext, Task<ExitCode>> Run) fetch = BlobFetchCommand.Create();
        (Command Command, Func<CliContext, Task<ExitCode>> Run) policy = BlobPolicyCommand.Create();
        blob = new Command("blob", "Attachments: photos, scans, sound, maps, of any size.") { put, get, list, fetch.Command, policy.Command };
        foreach ((Command command, _) in room) blob.Add(command);
        return [(put, PutAsync), (get, GetAsync), (list, ListAsync), fetch, policy, .. room];
    }

    private static async Task<ExitCode> PutAsync(CliContext context)
    {
        EntityKey key = context.Parsed.GetRequiredValue(Key);
        string file = context.Parsed.GetRequiredValue(File);
        FieldPath field = FieldArguments.Path(context.Parsed.GetRequiredValue(Into));
        string name = context.Parsed.GetValue(Name) ?? (file == "-" ? "" : Path.GetFileName(file));
        string mediaType = context.Parsed.GetValue(MediaType) ?? MediaTypes.Of(name);
        Value metadata = FieldEdits.ReadContext(context.Parsed.GetValue(Context));
        await using Stream content = Open(context, file);
        await using CliHost host = await context.OpenAsync();
        Transaction transaction = PutCommand.Begin(host.Replica, context.User);
        Blob blob;
        try
        {
            blob = await context.Output.ProgressAsync($"Taking in {Shown.OneLine(name)}", report =>
                WatchAsync(host.Replica.Blobs.PutAsync(content, mediaType, name, context.Cancellation).AsTask(), content, content.CanSeek ? content.Length : 0, report));
            EntityEdit edit = transaction.Upsert(key);
            edit.Context = metadata;
            edit.Set(field, blob);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
        CommitResult result = await transaction.CommitAsync(context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("key", key.ToString());
                w.WriteString("field", field.ToString());
                BlobOutput.WriteMembers(w, blob);
                w.WriteStartArray("mutations");
                foreach (Guid id in result.MutationIds) w.WriteStringValue(id.ToString());
                w.WriteEndArray();
            });
            return ExitCode.Ok;
        }
        context.Output.Line($"attached {BlobOutput.Name(blob)} ({blob.MediaType}, {Shown.Bytes(blob.Size)}) to {key} as {field}  root {BlobOutput.Short(blob.Root)}");
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> GetAsync(CliContext context)
    {
        string subject = context.Parsed.GetRequiredValue(Subject);
        string? output = context.Parsed.GetValue(Output);
        await using CliHost host = await context.OpenAsync();
        Blob blob = BlobArgument.Find(host.Replica, subject, context.Parsed.GetValue(Field));
        if (host.Replica.Blobs.Find(blob.Root) is { } state && state.Standing != BlobStanding.Here)
        {
            throw new CliException(ExitCode.Precondition, $"{BlobOutput.Name(blob)} is not here, or not to be trusted ({BlobOutput.Here(state)}): {state.Explanation}",
                BlobOutput.Next(state));
        }
        await using Stream content = host.Replica.Blobs.OpenRead(blob);
        if (output == "-")
        {
            await using Stream target = context.OpenOutput();
            await content.CopyToAsync(target, context.Cancellation);
            return ExitCode.Ok;
        }
        string file = output ?? NameHere(blob);
        string unfinished = file + ".part";
        try
        {
            await using (FileStream target = System.IO.File.Create(unfinished))
            {
                await context.Output.ProgressAsync($"Writing {Shown.OneLine(file)}", async report =>
                    await WatchAsync(CopyAsync(content, target, context.Cancellation), content, blob.Size, report));
            }
            System.IO.File.Move(unfinished, file, overwrite: output is not null);
        }
        catch
        {
            System.IO.File.Delete(unfinished);
            throw;
        }
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                BlobOutput.WriteMembers(w, blob);
                w.WriteString("output", file);
            });
        }
        else context.Output.Line($"{Shown.Bytes(blob.Size)} ({blob.MediaType}) to {file}");
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ListAsync(CliContext context)
    {
        bool isMissing = context.Parsed.GetValue(Missing);
        await using CliHost host = await context.OpenAsync();
        BlobState[] states = [.. host.Replica.Blobs.List().Where(s => !isMissing || s.Standing != BlobStanding.Here)];
        if (context.Output.IsJson)
        {
            foreach (BlobState state in states) context.Output.Json(w => BlobOutput.WriteMembers(w, state, host.Replica));
            return ExitCode.Ok;
        }
        BlobOutput.WriteTable(context.Output, states, host.Replica);
        context.Output.Note(states.Length == 0 ? isMissing ? "Every attachment is here." : "There is no attachment."
            : $"{Shown.Count(states.Length, "attachment")}, {Shown.Bytes(states.Sum(s => s.BytesHere))} of {Shown.Bytes(states.Sum(s => s.Blob.Size))} here; "
                + "'crdt why ROOT' tells more of one.");
        return ExitCode.Ok;
    }

    internal static Stream Open(CliContext context, string file)
    {
        if (file == "-") return context.OpenInput();
        try
        {
            return System.IO.File.OpenRead(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"'{file}' cannot be read: {e.Message}", inner: e);
        }
    }

    // What others called it decides where something is written only if there is nothing, and nothing hidden comes of it.
    private static string NameHere(Blob blob)
    {
        if (blob.Name.Length == 0 || blob.Name[0] is '.' or '-')
            throw CliException.Usage($"The attachment is called '{blob.Name}', which is no good name for a file here.", "--output FILE says where to write it.");
        return System.IO.File.Exists(blob.Name) || Directory.Exists(blob.Name)
            ? throw new CliException(ExitCode.Precondition, $"There is '{blob.Name}' already.", "--output FILE says where to write it; it replaces what is there.")
            : blob.Name;
    }

    private static async Task<bool> CopyAsync(Stream content, FileStream target, CancellationToken cancellation)
    {
        await content.CopyToAsync(target, BlobTree.ChunkLengthBytes, cancellation);
        await target.FlushAsync(cancellation);
        return true;
    }

    internal static async Task<T> WatchAsync<T>(Task<T> work, Stream read, long length, Action<double, string> report)
    {
        while (length > 0 && await Task.WhenAny(work, Task.Delay(ReportInterval)) != work)
            report((double)read.Position / length, $"{Shown.Bytes(read.Position)} of {Shown.Bytes(length)}");
        return await work;
    }
}
