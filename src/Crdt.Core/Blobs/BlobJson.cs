namespace Crdt;

/// <summary>A blob in JSON: <c>{"$blob":{"media_type":…,"name":…,"root":…,"sha256":…,"size":…}}</c>.</summary>
internal static class BlobJson
{
    /// <summary>The one member of an object that stands for a blob.</summary>
    public const string Marker = "$blob";

    private const string MediaType = "media_type", Name = "name", Root = "root", Sha256 = "sha256", Size = "size";

    /// <summary>What it is, as an object.</summary>
    public static Value Describe(Blob blob) => Value.FromTrusted(new KeyValuePair<string, Value>[]
    {
        new(MediaType, blob.MediaType), new(Name, blob.Name), new(Root, blob.Root.ToString()),
        new(Sha256, blob.Sha256.ToString()), new(Size, blob.Size),
    });

    /// <exception cref="JsonInputException">It is no description of a blob.</exception>
    public static Value Read(Value described, string path)
    {
        BlobHash root = default, sha256 = default;
        if (described.Kind != ValueKind.Object || described.AsObject().Count != 5
            || !(Text(described, Root) is { } r && BlobHash.TryParse(r, out root))
            || !(Text(described, Sha256) is { } s && BlobHash.TryParse(s, out sha256))
            || Text(described, MediaType) is not { } mediaType || Text(described, Name) is not { } name
            || !described.TryGetMember(Size, out Value size) || size.Kind != ValueKind.Integer)
        {
            throw new JsonInputException(
                $"'{Marker}' is an object of the texts {MediaType}, {Name}, {Root} and {Sha256} (64 hex digits each) and the number {Size}.", path);
        }
        return Blob.FindProblem(size.AsInteger(), mediaType, name) is { } problem
            ? throw new JsonInputException(problem, path) : new Blob(root, sha256, size.AsInteger(), mediaType, name);
    }

    private static string? Text(Value described, string member) =>
        described.TryGetMember(member, out Value held) && held.Kind == ValueKind.String ? held.AsString() : null;
}
