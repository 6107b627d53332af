using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Tiles;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt map add</c>: takes in a map that every node of the space can then show.</summary>
internal static class MapCommand
{
    private static readonly Argument<string> Pack = new("file")
    {
        HelpName = "FILE|-",
        Description = "A pack of tiles: PMTiles 3 or MBTiles 1.3, of vectors or pictures; - reads standard input.",
    };

    private static readonly Option<string?> Name = new("--name")
    {
        HelpName = "NAME",
        Description = "What the map is called in the space: the entity map/pack/NAME, which from then on stands for this pack. Default: the file's name.",
    };

    private static readonly Option<DateTimeOffset?> Date = QueueOptions.Time("--date", "Of when its data are.");

    public static (Command, Func<CliContext, Task<ExitCode>>) Create(out Command map)
    {
        var add = new Command("add", "Takes a pack of tiles in, and says in the entity map/pack/NAME what it shows. It travels as any attachment does, and 'crdt serve --http' of every "
            + "server serves it under /tiles/NAME, also while the rest is still arriving. What is no pack leaves nothing.")
        {
            Pack, Name, Date,
        };
        map = new Command("map", "Maps that work without a network.") { add };
        return (add, AddAsync);
    }

    private static async Task<ExitCode> AddAsync(CliContext context)
    {
        string file = context.Parsed.GetRequiredValue(Pack);
        string name = context.Parsed.GetValue(Name)
            ?? (file == "-" ? throw CliException.Usage("Standard input has no name: --name NAME says what the map is called.") : Path.GetFileNameWithoutExtension(file));
        await using Stream content = BlobCommand.Open(context, file);
        await using CliHost host = await context.OpenAsync();
        PackManifest manifest;
        try
        {
            manifest = await context.Output.ProgressAsync($"Taking in {Shown.OneLine(name)}", report => BlobCommand.WatchAsync(
                TilePack.AddAsync(host.Replica, name, content, context.Parsed.GetValue(Date), context.User, context.Cancellation).AsTask(),
                content, content.CanSeek ? content.Length : 0, report));
        }
        catch (TileException e)
        {
            throw CliException.Usage($"'{file}' is not taken in: {e.Message}", inner: e);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
        Blob blob = host.Replica.Get(PackManifest.KeyOf(name))![PackManifest.PackField]!.Value.AsBlob();
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("key", PackManifest.KeyOf(name).ToString());
                w.WriteString("title", manifest.Title);
                w.WriteString("tile_type", Shown.Camel(manifest.Info.Type));
                w.WriteNumber("zoom_min", manifest.Info.ZoomMin);
                w.WriteNumber("zoom_max", manifest.Info.ZoomMax);
                w.WriteStartArray("bounds");
                foreach (double edge in (double[])[manifest.Info.Bounds.West, manifest.Info.Bounds.South, manifest.Info.Bounds.East, manifest.Info.Bounds.North]) w.WriteNumberValue(edge);
                w.WriteEndArray();
                w.WriteOptional("attribution", manifest.Attribution);
                BlobOutput.WriteMembers(w, blob);
            });
            return ExitCode.Ok;
        }
        context.Output.Line($"map '{Shown.OneLine(manifest.Title)}' as {PackManifest.KeyOf(name)}: {Shown.Camel(manifest.Info.Type)}, "
            + $"levels {manifest.Info.ZoomMin} to {manifest.Info.ZoomMax}, {Shown.Bytes(blob.Size)}  root {BlobOutput.Short(blob.Root)}");
        return ExitCode.Ok;
    }
}
