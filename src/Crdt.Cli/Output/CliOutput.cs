using System.Text.Json;
using Spectre.Console;

namespace Crdt.Cli.Output;

/// <summary>How a command speaks: results on one stream, as text or JSON; everything else on the other.</summary>
internal sealed class CliOutput
{
    // Where nobody looks, a table is as wide as its content: a line stays a line.
    private const int UnboundedWidth = 4_096;

    private static readonly string[] Breakable = ["entity", "field", "value", "user", "by"];

    private readonly CliStreams streams;

    public CliOutput(CliStreams streams, bool isJson)
    {
        this.streams = streams;
        IsJson = isJson;
        IsInteractive = streams.IsOutputTerminal && !isJson;
        Console = CreateConsole(streams.Output, streams.IsOutputTerminal);
        ErrorConsole = CreateConsole(streams.Error, streams.IsErrorTerminal);
    }

    /// <summary>Whether results are JSON, one document a line.</summary>
    public bool IsJson { get; }

    /// <summary>Whether a person looks at the results.</summary>
    public bool IsInteractive { get; }

    public IAnsiConsole Console { get; }

    public IAnsiConsole ErrorConsole { get; }

    /// <summary>One line of a text result.</summary>
    public void Line(string text = "") => streams.Output.WriteLine(Shown.Lines(text));

    /// <summary>A line with Spectre's markup; foreign text in it must be escaped.</summary>
    public void Markup(string markup) => Console.MarkupLine(markup);

    /// <summary>One JSON object as a result.</summary>
    public void Json(Action<Utf8JsonWriter> members) => streams.Output.WriteLine(JsonText.Object(members));

    /// <summary>Text that is JSON, or is to be handed on as it is.</summary>
    public void Raw(string text) => streams.Output.WriteLine(text);

    /// <summary>Lets others see what was written so far.</summary>
    public void Flush()
    {
        streams.Output.Flush();
        streams.Error.Flush();
    }

    /// <summary>Something beside the result, for people.</summary>
    public void Note(string text)
    {
        if (!IsJson) WriteError($"[dim]{Shown.Lines(text)}[/]");
    }

    /// <summary>Something that is not as it should be.</summary>
    public void Warn(string text) => WriteError($"[yellow]{Shown.Lines(text)}[/]");

    /// <summary>A table with a header; with borders where a person looks, else aligned columns.</summary>
    public void Table(IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows, params string[] numeric)
    {
        var table = new Table { Border = IsInteractive ? TableBorder.Rounded : TableBorder.None };
        table.BorderStyle = new Style(decoration: Decoration.Dim);
        foreach (string header in headers)
        {
            var column = new TableColumn(new Text(Shown.Cell(header), new Style(decoration: Decoration.Bold)));
            if (numeric.Contains(header)) column.RightAligned();
            // A terminal that is too narrow breaks what is long anyway; elsewhere a row is a line.
            table.AddColumn(IsInteractive && Breakable.Contains(header) ? column : column.NoWrap());
        }
        foreach (IReadOnlyList<string> row in rows) table.AddRow(row.Select(cell => new Text(Shown.Cell(cell))));
        Write(table);
    }

    /// <summary>Names and what they are, in two columns.</summary>
    public void Facts(params IEnumerable<(string Name, string Text)> facts)
    {
        var grid = new Grid();
        grid.AddColumn(new GridColumn().NoWrap().PadRight(2));
        grid.AddColumn(new GridColumn());
        foreach ((string name, string text) in facts)
            grid.AddRow(new Text(name, new Style(decoration: Decoration.Dim)), new Text(Shown.OneLine(text)));
        Write(grid);
    }

    /// <summary>Does something that may take long, with a progress bar where a person looks.</summary>
    /// <param name="title">What is being done.</param>
    /// <param name="work">Gets a function that tells how far it is, 0 to 1, and a short note.</param>
    public async Task<T> ProgressAsync<T>(string title, Func<Action<double, string>, Task<T>> work)
    {
        if (!streams.IsErrorTerminal || IsJson) return await work(static (_, _) => { });
        return await ErrorConsole.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async progress =>
            {
                ProgressTask task = progress.AddTask(Spectre.Console.Markup.Escape(title), maxValue: 1);
                return await work((done, note) =>
                {
                    task.Value = Math.Clamp(done, 0, 1);
                    task.Description = Spectre.Console.Markup.Escape($"{title}  {note}");
                });
            });
    }

    private void WriteError(FormattableString markup)
    {
        // Both streams may be the same terminal: what was written first stands first.
        streams.Output.Flush();
        ErrorConsole.MarkupLineInterpolated(markup);
    }

    private void Write(Spectre.Console.Rendering.IRenderable content)
    {
        if (IsInteractive)
        {
            Console.Write(content);
            return;
        }
        // Columns are padded to their width; behind the last one that is noise for whoever compares or cuts lines.
        var text = new StringWriter();
        CreateConsole(text, isTerminal: false).Write(content);
        foreach (string line in text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))
            streams.Output.WriteLine(line.TrimEnd());
    }

    private static IAnsiConsole CreateConsole(TextWriter writer, bool isTerminal)
    {
        bool isColoured = isTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isColoured ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!isTerminal) console.Profile.Width = UnboundedWidth;
        return console;
    }
}
