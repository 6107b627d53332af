using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;

namespace Crdt.Cli.Arguments;

/// <summary>Arguments and options that several commands have, read and checked alike.</summary>
internal static class CommonOptions
{
    public static Argument<EntityKey> Key() => new("key")
    {
        HelpName = "KEY",
        Description = "The entity: domain/type/id, as in incident/strike/42.",
        CustomParser = result =>
        {
            if (EntityKey.TryParse(Single(result), out EntityKey? key)) return key;
            result.AddError($"'{Single(result)}' is not an entity: domain/type/id is expected, as in "
                + "incident/strike/42.");
            return null!;
        },
    };

    public static Argument<EntityScope> Type() => new("type")
    {
        HelpName = "DOMAIN/TYPE",
        Description = "What to look through, as in incident/strike.",
        CustomParser = result =>
        {
            if (EntityScope.TryParse(Single(result), out EntityScope? scope) && scope is { Type: not null, Key: null })
                return scope;
            result.AddError($"'{Single(result)}' is not a type: domain/type is expected, as in incident/strike.");
            return null!;
        },
    };

    /// <summary>How many at most; null when it is not given.</summary>
    public static Option<int?> Limit(string description) => new("--limit", "-n")
    {
        HelpName = "N",
        Description = description,
        CustomParser = result => (int)WholeNumber(result, 0, int.MaxValue),
    };

    /// <summary>Speaks without encryption.</summary>
    public static Option<bool> Plain() => new("--plain")
    {
        Description = "Without encryption, and without proof of who is there: within this machine only. Open spaces have no other way.",
    };

    /// <summary>Neither announces the device nor looks for others.</summary>
    public static Option<bool> NoDiscovery() => new("--no-discovery")
    {
        Description = "Neither announces this device on its networks nor looks for others there.",
    };

    /// <summary>One of the names of an enumeration, whatever its case.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">For the help.</param>
    /// <param name="allowed">Which; all of them when none is given.</param>
    public static Option<T?> Named<T>(string name, string description, params T[] allowed)
        where T : struct, Enum
    {
        if (allowed.Length == 0) allowed = Enum.GetValues<T>();
        string[] names = [.. allowed.Select(Output.Shown.Camel)];
        return new Option<T?>(name)
        {
            HelpName = string.Join('|', names),
            Description = description,
            CustomParser = result =>
            {
                int at = Array.FindIndex(names, n => n.Equals(Single(result), StringComparison.OrdinalIgnoreCase));
                if (at >= 0) return allowed[at];
                result.AddError($"'{Single(result)}' is none of {string.Join(", ", names)}.");
                return null;
            },
        };
    }

    /// <summary>A whole number within bounds, both inclusive; reports what is not one.</summary>
    public static long WholeNumber(ArgumentResult result, long min, long max)
    {
        if (long.TryParse(Single(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            && number >= min && number <= max) return number;
        result.AddError($"'{Single(result)}' is not a whole number of at least {min}.");
        return min;
    }

    /// <summary>Reads <c>host:port</c>, also <c>[::1]:port</c> and <c>:port</c> for this machine.</summary>
    public static EndPoint? EndPoint(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(
            text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port)) return null;
        string host = text[..colon].Trim('[', ']');
        if (host.Length == 0) host = IPAddress.Loopback.ToString();
        return IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, port)
            : Uri.CheckHostName(host) == UriHostNameType.Dns ? new DnsEndPoint(host, port)
            : null;
    }

    public static string Single(ArgumentResult result) => result.Tokens[0].Value;
}
