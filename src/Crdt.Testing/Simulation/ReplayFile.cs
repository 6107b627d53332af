using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Crdt.Testing.Simulation;

/// <summary>A case in a file, one step a line, so that people can read it and leave lines out.</summary>
/// <param name="Format">Version of the file's format, 1.</param>
/// <param name="Version">Version of the library that wrote it, with its commit where known.</param>
/// <param name="Options">What was simulated when it was found.</param>
/// <param name="Violation">What was found.</param>
/// <param name="Case">The case.</param>
internal sealed record ReplayFile(
    int Format, string Version, SimulationOptions Options, Violation? Violation, SimulationCase Case)
{
    private const int FormatVersion = 1;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Version and commit of this build.</summary>
    public static string CurrentVersion => typeof(ReplayFile).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static ReplayFile Create(SimulationOptions options, Violation? violation, SimulationCase found) =>
        new(FormatVersion, CurrentVersion, options, violation, found);

    public string ToJson()
    {
        var text = new StringBuilder();
        text.Append("{\n\"format\": ").Append(Format)
            .Append(",\n\"version\": ").Append(JsonSerializer.Serialize(Version, Json))
            .Append(",\n\"options\": ").Append(JsonSerializer.Serialize(Options, Json))
            .Append(",\n\"violation\": ").Append(JsonSerializer.Serialize(Violation, Json))
            .Append(",\n\"case\": {\n\"checkEvery\": ").Append(Case.CheckEvery)
            .Append(",\n\"setup\": ").Append(JsonSerializer.Serialize(Case.Setup, Json))
            .Append(",\n\"steps\": [\n  ")
            .AppendJoin(",\n  ", Case.Steps.Select(s => JsonSerializer.Serialize(s, Json)))
            .Append("\n]\n}\n}\n");
        return text.ToString();
    }

    /// <exception cref="InvalidDataException">The text is no such file.</exception>
    public static ReplayFile Parse(string text)
    {
        try
        {
            ReplayFile file = JsonSerializer.Deserialize<ReplayFile>(text, Json) ?? throw new JsonException("It is null.");
            if (file.Format != FormatVersion)
                throw new InvalidDataException($"The replay has format {file.Format}; this version reads {FormatVersion}.");
            if (file.Case?.Setup?.Devices is null || file.Case.Steps is null || file.Options is null)
                throw new InvalidDataException("The replay lacks options, setup or steps.");
            return file;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"This is not a replay of a simulation: {e.Message}", e);
        }
    }
}
