using System.CommandLine;
using System.Globalization;
using Crdt.Cli.Output;

namespace Crdt.Cli.Arguments;

/// <summary>Which attachments a device takes, as a command line says it; alike in every command that meets peers. What is said is
/// kept with the replica.</summary>
internal static class BlobOptions
{
    private const long Thousand = 1_000;

    public const string NoLimit = "unlimited";

    private static readonly string[] Names = [.. Enum.GetValues<BlobFetch>().Select(NameOf)];

    private static readonly Option<BlobFetch?> Fetch = new("--blobs")
    {
        HelpName = string.Join('|', Names),
        Description = $"Which attachments this device takes, whatever their type; kept with the replica until it is said anew, and always at first. "
            + "Those in fields named 'thumbnail' come first anyhow.",
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
        Description = "The same for a media type, as in video/mp4=on-demand or image/*=always. May be repeated; kept beside those said before, until --blobs is said anew.",
    };

    private static readonly Option<long?> Quota = Size("--blob-quota",
        $"What all attachments may take on this device, as in 2GB, or {NoLimit}. What does not fit is not taken. Kept.", NoLimit);

    private static readonly Option<long?> Budget = Size("--blob-budget",
        $"How many bytes of attachments are taken over one connection, as in 5MB, for thin links, or {NoLimit}. What somebody asks for comes all the same. Kept.", NoLimit);

    /// <summary>Adds the options to a command.</summary>
    public static void AddTo(Command command)
    {
        foreach (Option option in (Option[])[Fetch, ByType, Quota, Budget]) command.Options.Add(option);
    }

    /// <summary>What the command line says of it, if it says anything.</summary>
    /// <returns>What becomes of the policy that was kept; <see langword="null"/> where that stays.</returns>
    public static Func<BlobPolicy, BlobPolicy>? Read(CliContext context)
    {
        BlobFetch? fetch = context.Parsed.GetValue(Fetch);
        Dictionary<string, BlobFetch> byType = ReadTypes(context);
        long? quota = context.Parsed.GetValue(Quota), budget = context.Parsed.GetValue(Budget);
        if (fetch is null && byType.Count == 0 && quota is null && budget is null) return null;
        return kept =>
        {
            Dictionary<string, BlobFetch> all = fetch is null ? kept.ByMediaType.ToDictionary() : [];
            foreach ((string type, BlobFetch when) in byType) all[type] = when;
            return new BlobPolicy
            {
                Fetch = fetch ?? kept.Fetch,
                ByMediaType = all,
                QuotaBytes = quota ?? kept.QuotaBytes,
                BytesPerConnectionMax = budget ?? kept.BytesPerConnectionMax,
            };
        };
    }

    /// <summary>Keeps what the command line says with the replica.</summary>
    public static async ValueTask SetAsync(CliContext context, Replica replica)
    {
        if (Read(context) is not { } change) return;
        try
        {
            await replica.Blobs.SetPolicyAsync(change(replica.Blobs.Policy), context.Cancellation);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
    }

    /// <summary>The same as settings of the server peer, which hold as long as they are there.</summary>
    public static IEnumerable<string> SettingsOf(CliContext context)
    {
        if (context.Parsed.GetValue(Fetch) is { } fetch) yield return $"--Crdt:Blobs:Fetch={fetch}";
        foreach ((int index, (string type, BlobFetch when)) in ReadTypes(context).Index()) yield return $"--Crdt:Blobs:Types:{index}={type}={when}";
        if (context.Parsed.GetValue(Quota) is { } quota) yield return string.Create(CultureInfo.InvariantCulture, $"--Crdt:Blobs:QuotaBytes={quota}");
        if (context.Parsed.GetValue(Budget) is { } budget)
            yield return string.Create(CultureInfo.InvariantCulture, $"--Crdt:Blobs:BytesPerConnectionMax={budget}");
    }

    /// <summary>When something is taken, as command lines have it: on-demand.</summary>
    public static string NameOf(BlobFetch fetch) =>
        string.Concat(Shown.Camel(fetch).Select(c => char.IsAsciiLetterUpper(c) ? $"-{char.ToLowerInvariant(c)}" : c.ToString()));

    /// <summary>An option whose argument is a size in bytes, or that there is no limit.</summary>
    public static Option<long?> Size(string name, string description, string? noLimit = null) => new(name)
    {
        HelpName = "SIZE",
        Description = description,
        CustomParser = result =>
        {
            if (CommonOptions.Single(result) == noLimit) return long.MaxValue;
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

    private static Dictionary<string, BlobFetch> ReadTypes(CliContext context)
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
        return byType;
    }

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
