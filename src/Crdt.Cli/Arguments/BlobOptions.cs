using System.CommandLine;
using System.Globalization;
using Crdt.Cli.Output;

namespace Crdt.Cli.Arguments;

/// <summary>Which attachments a device takes, as a command line says it; alike in every command that meets peers.</summary>
internal static class BlobOptions
{
    private const long Thousand = 1_000;

    private static readonly string[] Names = [.. Enum.GetValues<BlobFetch>().Select(NameOf)];

    private static readonly Option<BlobFetch?> Fetch = new("--blobs")
    {
        HelpName = string.Join('|', Names),
        Description = "Which attachments this device takes. Default: always. Those in fields named 'thumbnail' come first anyhow.",
        CustomParser = result =>
        {
            if (TryParse(CommonOptions.Single(result), out BlobFetch fetch)) return fetch;
            result.AddError($"'{CommonOptions.Single(result)}' is none of {string.Join(", ", Names)}.");
            return null;
        },
    };

    private static readonly Option<string[]> ByType = new("--blobs-type")
    {
        HelpName = "TYPE=WHEN",
        Description = "The same for a media type, as in video/mp4=on-demand or image/*=always. May be repeated.",
    };

    private static readonly Option<long?> Quota = Size("--blob-quota", "What all attachments may take on this device, as in 2GB. What does not fit is not taken.");

    private static readonly Option<long?> Budget = Size("--blob-budget",
        "How many bytes of attachments are taken over one connection, as in 5MB, for thin links. What somebody asks for comes all the same.");

    /// <summary>Adds the options to a command.</summary>
    public static void AddTo(Command command)
    {
        foreach (Option option in (Option[])[Fetch, ByType, Quota, Budget]) command.Options.Add(option);
    }

    /// <summary>What the command line says; all attachments by default.</summary>
    public static BlobPolicy Read(CliContext context)
    {
        var byType = new Dictionary<string, BlobFetch>();
        foreach (string given in context.Parsed.GetValue(ByType) ?? [])
        {
            int at = given.LastIndexOf('=');
            if (at <= 0 || !given.AsSpan(0, at).Contains('/') || !TryParse(given[(at + 1)..], out BlobFetch fetch))
            {
                throw CliException.Usage($"--blobs-type: '{given}' is not TYPE=WHEN.",
                    $"For instance image/*=always; WHEN is one of {string.Join(", ", Names)}.");
            }
            byType[given[..at].ToLowerInvariant()] = fetch;
        }
        return new BlobPolicy
        {
            Fetch = context.Parsed.GetValue(Fetch) ?? BlobFetch.Always,
            ByMediaType = byType,
            QuotaBytes = context.Parsed.GetValue(Quota) ?? long.MaxValue,
            BytesPerConnectionMax = context.Parsed.GetValue(Budget) ?? long.MaxValue,
        };
    }

    /// <summary>The same as settings of the server peer.</summary>
    public static IEnumerable<string> SettingsOf(CliContext context)
    {
        BlobPolicy policy = Read(context);
        yield return $"--Crdt:Blobs:Fetch={policy.Fetch}";
        foreach ((int index, (string type, BlobFetch fetch)) in policy.ByMediaType.Index()) yield return $"--Crdt:Blobs:Types:{index}={type}={fetch}";
        if (policy.QuotaBytes != long.MaxValue) yield return string.Create(CultureInfo.InvariantCulture, $"--Crdt:Blobs:QuotaBytes={policy.QuotaBytes}");
        if (policy.BytesPerConnectionMax != long.MaxValue)
            yield return string.Create(CultureInfo.InvariantCulture, $"--Crdt:Blobs:BytesPerConnectionMax={policy.BytesPerConnectionMax}");
    }

    /// <summary>An option whose argument is a size in bytes.</summary>
    public static Option<long?> Size(string name, string description) => new(name)
    {
        HelpName = "SIZE",
        Description = description,
        CustomParser = result =>
        {
            if (TryParseSize(CommonOptions.Single(result), out long bytes)) return bytes;
            result.AddError($"'{CommonOptions.Single(result)}' is not a size in bytes, as in 800000, 500MB or 2GB.");
            return null;
        },
    };

    private static bool TryParse(string text, out BlobFetch fetch)
    {
        int at = Array.FindIndex(Names, n => n.Equals(text, StringComparison.OrdinalIgnoreCase));
        fetch = at < 0 ? default : Enum.GetValues<BlobFetch>()[at];
        return at >= 0;
    }

    // As command lines have names: on-demand.
    private static string NameOf(BlobFetch fetch) =>
        string.Concat(Shown.Camel(fetch).Select(c => char.IsAsciiLetterUpper(c) ? $"-{char.ToLowerInvariant(c)}" : c.ToString()));

    private static bool TryParseSize(string text, out long bytes)
    {
        (int suffix, long unit) = text.ToUpperInvariant() switch
        {
            [.., 'K', 'B'] => (2, Thousand),
            [.., 'M', 'B'] => (2, Thousand * Thousand),
            [.., 'G', 'B'] => (2, Thousand * Thousand * Thousand),
            _ => (0, 1L),
        };
        bytes = 0;
        if (!long.TryParse(text.AsSpan(0, text.Length - suffix), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            || count > long.MaxValue / unit) return false;
        bytes = count * unit;
        return true;
    }
}
