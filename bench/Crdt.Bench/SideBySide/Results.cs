using System.Text.Json.Nodes;

namespace Crdt.Bench.SideBySide;

/// <summary>What the runners of all systems have written into one folder.</summary>
internal sealed class Results
{
    private readonly Dictionary<string, JsonNode> systems = [];

    public Results(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            JsonNode system = JsonNode.Parse(File.ReadAllText(file))!;
            systems[(string)system["system"]!] = system;
        }
    }

    public IEnumerable<string> Systems => systems.Keys;

    /// <summary>Milliseconds that the runners' fixed loop took around a system's steps, by processor time: the noise.</summary>
    public (double Median, double Max) Noise
    {
        get
        {
            double[] all = [.. systems.Values.SelectMany(s => s["calibration"]!.AsArray()).Select(c => (double)c!["onCoreMs"]!)];
            return all.Length == 0 ? default : (Rows.Median(all), all.Max());
        }
    }

    /// <summary>A number of a row; <see langword="null"/> where that was not measured.</summary>
    /// <param name="system">As <c>yjs</c> or <c>crdt</c>.</param>
    /// <param name="id">The row.</param>
    /// <param name="key">Which number.</param>
    /// <param name="where">What else the row must say.</param>
    public double? this[string system, string id, string key, params (string Key, JsonNode Value)[] where] =>
        systems.TryGetValue(system, out JsonNode? found)
        && found["rows"]!.AsArray().FirstOrDefault(r => IsRow(r!, id, where)) is { } row && row[key] is { } number
            ? (double)number
            : null;

    private static bool IsRow(JsonNode row, string id, (string Key, JsonNode Value)[] where) =>
        (string)row["id"]! == id && row["variant"] is null
        && where.All(w => row[w.Key] is { } value && value.ToJsonString() == w.Value.ToJsonString());
}
