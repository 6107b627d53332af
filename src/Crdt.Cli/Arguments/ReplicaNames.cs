using System.Globalization;
using System.Text.Json;
using Crdt.Cli.Output;

namespace Crdt.Cli.Arguments;

/// <summary>Replicas, and what they hold, as people name them.</summary>
internal static class ReplicaNames
{
    /// <summary>Finds the replica that an id, or the beginning of one, means.</summary>
    public static ReplicaId Find(Replica replica, string text)
    {
        if (text is "here") return replica.Id;
        ReplicaId[] known = [.. replica.Vector.Select(d => d.Replica).Concat(replica.Acknowledgements.Select(a => a.By))
            .Append(replica.Id).Distinct()
            .Where(id => id.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase))];
        return known.Length switch
        {
            1 => known[0],
            0 => throw CliException.NotFound($"No mutation of a replica '{text}' is held here.",
                $"Known are: {string.Join(", ", replica.Vector.Select(d => Shown.Short(d.Replica)))}."),
            _ => throw CliException.Usage($"'{text}' is the beginning of {known.Length} replicas' ids: give more of "
                + "it."),
        };
    }

    /// <summary>Reads <c>ID:SEQUENCE,…</c>, or the file to which <c>crdt status --json</c> was written.</summary>
    public static VersionVector Vector(string text)
    {
        if (File.Exists(text)) return VectorOfStatus(text);
        var dots = new List<Dot>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = part.LastIndexOf(':');
            if (colon < 0 || !ReplicaId.TryParse(part[..colon], out ReplicaId id) || !long.TryParse(
                part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long sequence)
                || sequence is < 1 or > Dot.SequenceMax)
            {
                throw CliException.Usage($"'{part}' is no part of a vector, and no file is named so.",
                    "ID:SEQUENCE,ID:SEQUENCE,… is expected, or a file with what 'crdt status --json' prints on the other device.");
            }
            dots.Add(new Dot(id, sequence));
        }
        return OfDots(dots, text);
    }

    private static VersionVector VectorOfStatus(string file)
    {
        try
        {
            using JsonDocument status = JsonDocument.Parse(File.ReadAllBytes(file));
            return OfDots([.. status.RootElement.GetProperty("vector").EnumerateObject()
                .Select(p => new Dot(ReplicaId.TryParse(p.Name, out ReplicaId id) ? id : throw new FormatException(p.Name),
                    p.Value.GetInt64()))], file);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw CliException.Usage($"'{file}' is not what 'crdt status --json' prints: {e.Message}", inner: e);
        }
    }

    private static VersionVector OfDots(List<Dot> dots, string text)
    {
        try
        {
            return VersionVector.From(dots);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e, $"'{text}': ");
        }
    }
}
