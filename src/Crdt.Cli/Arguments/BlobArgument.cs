using System.CommandLine;

namespace Crdt.Cli.Arguments;

/// <summary>An attachment as a command line names it: by the entity that has it, or by its hash.</summary>
internal static class BlobArgument
{
    /// <summary>The rule, as help texts state it.</summary>
    public const string Rule = "an entity that has it (domain/type/id), or its root or SHA-256, or at least the first 6 digits of one";

    private const int DigitsMin = 6;

    /// <summary>Its field, for entities that have several.</summary>
    public static Argument<string?> Field() => new("field")
    {
        HelpName = "FIELD",
        Description = "Which of the entity's attachments: the field that it is in, as in report/photo. May be left out where there is only one.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <summary>Finds what is meant.</summary>
    /// <exception cref="CliException">Nothing is, or more than one thing.</exception>
    public static Blob Find(Replica replica, string text, string? field)
    {
        if (EntityKey.TryParse(text, out EntityKey? key)) return FindIn(replica, key, field);
        if (field is not null) throw CliException.Usage($"'{text}' is not an entity, so it has no field '{field}'.");
        return TryFind(replica, text) ?? throw CliException.NotFound($"No attachment '{text}' is known here.",
            $"'crdt blob ls' lists them; one is named by {Rule}.");
    }

    /// <summary>Finds all of an entity, or the one of a hash.</summary>
    public static IReadOnlyList<Blob> FindAll(Replica replica, string text) =>
        EntityKey.TryParse(text, out EntityKey? key) ? InOf(replica, key, null) is { Count: > 0 } found ? [.. found.Select(f => f.Blob)]
            : throw None(key, null)
        : [Find(replica, text, null)];

    /// <summary>The one whose root or SHA-256 begins so; null when none does.</summary>
    /// <exception cref="CliException">Several do.</exception>
    public static Blob? TryFind(Replica replica, string text)
    {
        if (text.Length is < DigitsMin or > 2 * BlobHash.LengthBytes || !text.All(char.IsAsciiHexDigit)) return null;
        Blob[] found = [.. replica.Blobs.List().Select(s => s.Blob).Where(b => Begins(b.Root, text) || Begins(b.Sha256, text))];
        return found.Length <= 1 ? found.FirstOrDefault()
            : throw CliException.Usage($"'{text}' is the beginning of {found.Length} attachments' hashes: give more of it.");
    }

    private static bool Begins(BlobHash hash, string text) => hash.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase);

    private static Blob FindIn(Replica replica, EntityKey key, string? field)
    {
        List<(string Field, Blob Blob)> found = InOf(replica, key, field);
        return found.Count switch
        {
            1 => found[0].Blob,
            0 => throw None(key, field),
            _ => throw CliException.Usage($"{key} has {found.Count} attachments{(field is null ? "" : $" in '{field}'")}.",
                $"Name one by its field or root: {string.Join(", ", found.Select(f => $"{f.Field} ({f.Blob.Root.ToString()[..12]})"))}."),
        };
    }

    private static CliException None(EntityKey key, string? field) =>
        CliException.NotFound(field is null ? $"{key} has no attachment." : $"{key} has no attachment in the field '{field}'.");

    private static List<(string Field, Blob Blob)> InOf(Replica replica, EntityKey key, string? field)
    {
        if (replica.Get(key) is not { } entity) throw CliException.NotFound($"{key} does not exist.");
        if (field is not null)
            return entity[FieldArguments.Path(field)] is { } value ? [.. value.Blobs().Select(b => (field, b))] : [];
        var found = new List<(string, Blob)>();
        foreach ((string name, Value value) in entity.Fields) Walk(name, value, found);
        return found;
    }

    private static void Walk(string path, Value value, List<(string, Blob)> found)
    {
        if (value.Kind == ValueKind.Blob) found.Add((path, value.AsBlob()));
        else if (value.Kind == ValueKind.Array) found.AddRange(value.Blobs().Select(b => (path, b)));
        else if (value.Kind == ValueKind.Object)
        {
            foreach ((string name, Value member) in value.AsObject()) Walk($"{path}/{name}", member, found);
        }
    }
}
