using System.CommandLine;
using System.Globalization;

namespace Crdt.Cli.Arguments;

/// <summary>The options that say which mutations to list: for all commands that do.</summary>
internal sealed class QueueOptions
{
    private readonly Option<MutationStatus?> status = CommonOptions.Named<MutationStatus>("--status",
        "pending: no server is known to hold it. conflict: held, and waits for a person.");

    private readonly Option<string?> author = new("--author", "--device")
    {
        HelpName = "ID|here",
        Description = "Only what this replica made: its id or the beginning of it, or 'here' for the own.",
    };

    private readonly Option<string?> by = new("--by")
    {
        HelpName = "NAME",
        Description = "Only what this person made, on whichever device.",
    };

    private readonly Option<EntityScope?> scope = new("--entity")
    {
        HelpName = "KEY",
        Description = "Only this entity (domain/type/id), type (domain/type) or domain.",
        CustomParser = result =>
        {
            if (EntityScope.TryParse(CommonOptions.Single(result), out EntityScope? scope)) return scope;
            result.AddError($"'{CommonOptions.Single(result)}' is not domain/type/id, domain/type or domain.");
            return null;
        },
    };

    private readonly Option<MutationKind?> kind =
        CommonOptions.Named<MutationKind>("--kind", "Only mutations of this kind.");

    private readonly Option<DateTimeOffset?> from = Time("--from", "Only what was made at this time or later.");

    private readonly Option<DateTimeOffset?> to = Time("--to", "Only what was made before this time.");

    private readonly Option<Guid?> id = Uuid("--id", "Only the mutation with this UUID.");

    private readonly Option<Guid?> request = Uuid("--request", "Only what a thin client sent under this id.");

    private readonly Option<MutationCursor?> after = new("--after")
    {
        HelpName = "CURSOR",
        Description = "Goes on where a list ended before, whatever was written meanwhile.",
        CustomParser = result =>
        {
            if (MutationCursor.TryParse(CommonOptions.Single(result), out MutationCursor cursor)) return cursor;
            result.AddError($"'{CommonOptions.Single(result)}' is not a place where a list ended.");
            return null;
        },
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[status, author, by, scope, kind, from, to, id, request, after]) command.Options.Add(option);
    }

    /// <summary>Where the list shall go on; null for its beginning.</summary>
    public MutationCursor? After(ParseResult parsed) => parsed.GetValue(after);

    /// <summary>Who is asked for.</summary>
    public string? By(ParseResult parsed) => parsed.GetValue(by);

    /// <summary>Which mutations.</summary>
    public MutationFilter Filter(ParseResult parsed, Replica replica, MutationOrder order, MutationStatus? otherwise = null)
    {
        EntityScope? where = parsed.GetValue(scope);
        return new MutationFilter
        {
            Status = parsed.GetValue(status) ?? otherwise,
            Author = parsed.GetValue(author) is { } text ? FindAuthor(replica, text) : null,
            User = parsed.GetValue(by),
            Kind = parsed.GetValue(kind),
            Domain = where?.Domain,
            Type = where?.Type,
            Key = where?.Key,
            From = parsed.GetValue(from),
            To = parsed.GetValue(to),
            Id = parsed.GetValue(id),
            RequestId = parsed.GetValue(request),
            Order = order,
        };
    }

    /// <summary>Finds the replica that an id, or the beginning of one, means.</summary>
    public static ReplicaId FindAuthor(Replica replica, string text)
    {
        if (text is "here") return replica.Id;
        ReplicaId[] known = [.. replica.Vector.Select(d => d.Replica).Append(replica.Id).Distinct()
            .Where(id => id.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase))];
        return known.Length switch
        {
            1 => known[0],
            0 => throw CliException.NotFound($"No mutation of a replica '{text}' is held here.",
                $"Known are: {string.Join(", ", replica.Vector.Select(d => Output.Shown.Short(d.Replica)))}."),
            _ => throw CliException.Usage($"'{text}' is the beginning of {known.Length} replicas' ids: give more of "
                + "it."),
        };
    }

    internal static Option<DateTimeOffset?> Time(string name, string description) => new(name)
    {
        HelpName = "TIME",
        Description = $"{description} As in 2026-11-23T08:00:00Z; UTC where no offset is given.",
        CustomParser = result =>
        {
            string text = CommonOptions.Single(result);
            if (DateTimeOffset.TryParse(
                text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)) return time;
            result.AddError($"'{text}' is not a time, as in 2026-11-23T08:00:00Z.");
            return null;
        },
    };

    private static Option<Guid?> Uuid(string name, string description) => new(name)
    {
        HelpName = "UUID",
        Description = description,
        CustomParser = result =>
        {
            if (Guid.TryParse(CommonOptions.Single(result), out Guid id)) return id;
            result.AddError($"'{CommonOptions.Single(result)}' is not a UUID.");
            return null;
        },
    };
}
