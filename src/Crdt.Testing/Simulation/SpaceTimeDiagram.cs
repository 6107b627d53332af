using System.Globalization;
using System.Net;
using System.Text;

namespace Crdt.Testing.Simulation;

/// <summary>Draws a run as Lamport drew them: a line for each replica, time going down, messages as arrows.</summary>
/// <remarks>Time is not to scale: what happens one after the other stands apart by at least a line of text, and long
/// silences are short.</remarks>
internal sealed class SpaceTimeDiagram(
    IReadOnlyList<string> names, IReadOnlyList<DiagramEvent> events, IReadOnlyList<DiagramMessage> messages, string title)
{
    private const int MomentsMax = 600;
    private const int ColumnWidth = 230, LeftMargin = 190, TopMargin = 92, LineHeight = 15, TextMax = 36;

    private readonly StringBuilder svg = new();
    private readonly SortedDictionary<long, double> places = [];
    private readonly Dictionary<(int Device, long AtUs), int> written = [];

    public string Render()
    {
        long from = Place();
        double bottom = TopMargin + LineHeight + places.Values.LastOrDefault();
        int width = LeftMargin + (ColumnWidth * names.Count) + 20;
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{bottom + 40:0}\" viewBox=\"0 0 {width} {bottom + 40:0}\" font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"10\">");
        Add($"<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#456\"/></marker></defs>");
        Add($"<rect width=\"{width}\" height=\"{bottom + 40:0}\" fill=\"#fff\"/>");
        AddTitle(width);
        if (from > 0) Text(LeftMargin, TopMargin - 34, $"The last {MomentsMax} moments; the trace has them all.", "#777");
        for (int i = 0; i < names.Count; i++)
        {
            Add($"<text x=\"{X(i):0}\" y=\"{TopMargin - 14}\" text-anchor=\"middle\" font-size=\"13\" font-weight=\"bold\" fill=\"#123\">{names[i]}</text>");
            AddLifeline(i, from, bottom);
        }
        AddTimes(from);
        foreach (DiagramMessage message in messages.Where(m => m.SentUs >= from)) AddMessage(message);
        foreach (DiagramEvent happened in events.Where(e => e.AtUs >= from)) AddEvent(happened, width);
        Add($"<line x1=\"80\" y1=\"{bottom + 12:0}\" x2=\"{width - 10}\" y2=\"{bottom + 12:0}\" stroke=\"#c22\" stroke-width=\"1.5\"/>");
        Text(84, bottom + 28, Cut(title, 180), "#c22");
        return svg.Append("</svg>\n").ToString();
    }

    private void Add(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private void Text(double x, double y, string text, string colour, string anchor = "start") =>
        Add($"<text x=\"{x:0}\" y=\"{y:0.0}\" fill=\"{colour}\" text-anchor=\"{anchor}\">{WebUtility.HtmlEncode(text)}</text>");

    private static string Cut(string text, int max) => text.Length <= max ? text : $"{text[..(max - 1)]}…";

    private static double X(int device) => LeftMargin + (ColumnWidth * (device + 0.5));

    private double Y(long us) => TopMargin + places.GetValueOrDefault(us);

    /// <summary>Gives each moment its height.</summary>
    /// <returns>The first moment that is drawn.</returns>
    private long Place()
    {
        long[] moments = [.. events.Select(e => e.AtUs).Concat(messages.SelectMany(m => new[] { m.SentUs, m.ArrivesUs })).Distinct().Order()];
        if (moments.Length > MomentsMax) moments = moments[^MomentsMax..];
        // What is written at one moment at one replica stands in lines below each other.
        Dictionary<long, int> lines = events.GroupBy(e => (e.AtUs, e.Device)).GroupBy(g => g.Key.AtUs)
            .ToDictionary(g => g.Key, g => g.Max(d => d.Count()));
        double y = 0;
        for (int i = 0; i < moments.Length; i++)
        {
            places[moments[i]] = y;
            long silence = i + 1 < moments.Length ? moments[i + 1] - moments[i] : 0;
            y += Math.Max(LineHeight * lines.GetValueOrDefault(moments[i], 0), 9 + (2 * Math.Log10(1 + silence)));
        }
        return moments.Length == 0 ? 0 : moments[0] == Earliest() ? 0 : moments[0];
    }

    private long Earliest() => events.Select(e => e.AtUs).Concat(messages.Select(m => m.SentUs)).DefaultIfEmpty().Min();

    private void AddTitle(int width)
    {
        int perLine = Math.Max(40, (width - 20) / 7);
        for (int line = 0; line < 2 && line * perLine < title.Length; line++)
        {
            string text = title.Substring(line * perLine, Math.Min(perLine, title.Length - (line * perLine)));
            Add($"<text x=\"10\" y=\"{18 + (line * 15)}\" font-size=\"11\" fill=\"#c22\">{WebUtility.HtmlEncode(text)}</text>");
        }
    }

    private void AddTimes(long from)
    {
        double last = double.MinValue;
        foreach ((long us, double y) in places)
        {
            if (us < from || y - last < 2 * LineHeight) continue;
            last = y;
            Text(8, TopMargin + y + 3, string.Create(CultureInfo.InvariantCulture, $"{us / 1e3:0.0} ms"), "#888");
        }
    }

    /// <summary>The replica's line, dashed while its process is down.</summary>
    private void AddLifeline(int device, long from, double bottom)
    {
        double start = TopMargin - 6;
        bool isUp = true;
        foreach (DiagramEvent happened in events.Where(e => e.Device == device && e.AtUs >= from && e.Mark is DiagramMark.Crash or DiagramMark.Restart))
        {
            double y = Y(happened.AtUs);
            AddLife(device, start, y, isUp);
            (start, isUp) = (y, happened.Mark == DiagramMark.Restart);
        }
        AddLife(device, start, bottom, isUp);
    }

    private void AddLife(int device, double from, double to, bool isUp)
    {
        string style = isUp ? "stroke=\"#89a\" stroke-width=\"1.5\"" : "stroke=\"#ccc\" stroke-width=\"1\" stroke-dasharray=\"3 4\"";
        Add($"<line x1=\"{X(device):0}\" y1=\"{from:0.0}\" x2=\"{X(device):0}\" y2=\"{to:0.0}\" {style}/>");
    }

    private void AddMessage(DiagramMessage message)
    {
        (double x1, double y1, double x2, double y2) = (X(message.From), Y(message.SentUs), X(message.To), Y(message.ArrivesUs));
        bool arrives = !events.Any(e => e.AtUs > message.SentUs && e.AtUs <= message.ArrivesUs
            && e.Mark == DiagramMark.Crash && (e.Device == message.To || e.Device == message.From));
        bool isData = message.Text.StartsWith("run", StringComparison.Ordinal);
        string style = isData ? "stroke=\"#456\"" : "stroke=\"#bcc\"";
        string end = arrives ? "marker-end=\"url(#tip)\"" : "stroke-dasharray=\"4 3\"";
        Add($"<line x1=\"{x1:0}\" y1=\"{y1:0.0}\" x2=\"{x2:0}\" y2=\"{y2:0.0}\" {style} {end}/>");
        // Near its tail, where lines that cross it are fewest.
        double t = 0.14;
        Text(x1 + (t * (x2 - x1)), y1 + (t * (y2 - y1)) - 3, Cut(message.Text, 34), isData ? "#234" : "#9aa", x2 > x1 ? "start" : "end");
    }

    private void AddEvent(DiagramEvent happened, int width)
    {
        double y = Y(happened.AtUs);
        if (happened.Device < 0)
        {
            Add($"<line x1=\"80\" y1=\"{y:0.0}\" x2=\"{width - 10}\" y2=\"{y:0.0}\" stroke=\"#e90\" stroke-dasharray=\"6 3\"/>");
            Text(84, y - 3, Cut(happened.Text, 120), "#b60");
            return;
        }
        double x = X(happened.Device);
        int line = written[(happened.Device, happened.AtUs)] = written.GetValueOrDefault((happened.Device, happened.AtUs), -1) + 1;
        double at = y + (line * LineHeight);
        string colour = happened.Mark switch
        {
            DiagramMark.Crash => "#c22",
            DiagramMark.Restart => "#282",
            DiagramMark.Commit => "#05a",
            _ => "#888",
        };
        switch (happened.Mark)
        {
            case DiagramMark.Crash:
                Add($"<path d=\"M{x - 5:0} {y - 5:0.0}l10 10m0 -10l-10 10\" stroke=\"{colour}\" stroke-width=\"2.5\"/>");
                break;
            case DiagramMark.Commit or DiagramMark.Rejected:
                Add($"<circle cx=\"{x:0}\" cy=\"{y:0.0}\" r=\"4\" fill=\"{(happened.Mark == DiagramMark.Commit ? colour : "#fff")}\" stroke=\"{colour}\"/>");
                break;
            default:
                Add($"<circle cx=\"{x:0}\" cy=\"{y:0.0}\" r=\"2\" fill=\"{colour}\"/>");
                break;
        }
        Text(x - 8, at + 3, Cut(happened.Text, TextMax), colour, "end");
    }
}
