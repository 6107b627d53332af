using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>Entities as LiteDB documents, for people to query: a view, from which nothing is read back.</summary>
/// <remarks>
/// LiteDB's limits show: instants are cut to milliseconds (the registers keep all of them), and names within a
/// document are
/// compared without case. A name that LiteDB cannot hold beside the others (<c>_id</c>, one that differs in case only,
/// one
/// with a NUL) goes, with its value, into the array <see cref="OtherFields"/>.
/// </remarks>
internal static class MaterializedDocument
{
    public const string OtherFields = "_other";

    /// <summary>Set, in place of the fields, on an entity too large for a LiteDB document.</summary>
    public const string TooLarge = "_tooLarge";

    // LiteDB takes 16,683,050 bytes; what is measured here comes close to what it counts.
    private const int LengthBytesMax = 16_000_000;

    // An element takes 20 times its encoded length at most, so registers below this need no measuring.
    private const int SmallStateLengthBytes = 500_000;

    /// <param name="entity">The entity.</param>
    /// <param name="stateLength">Length of its encoded registers, which says whether size matters.</param>
    public static BsonDocument Of(Entity entity, int stateLength)
    {
        BsonDocument document = Members(entity.Fields, entity.Key.Id);
        return stateLength <= SmallStateLengthBytes || Measure(document) <= LengthBytesMax
            ? document
            : new BsonDocument { ["_id"] = entity.Key.Id, [TooLarge] = true };
    }

    private static long Measure(BsonValue value) => value.Type switch
    {
        BsonType.Document => 5 + value.AsDocument.Sum(member => 2L + (3 * member.Key.Length) + Measure(member.Value)),
        BsonType.Array => 5 + value.AsArray.Sum(item => 10L + Measure(item)),
        BsonType.String => 5L + (3 * value.AsString.Length),
        BsonType.Binary => 5L + value.AsBinary.Length,
        _ => 8,
    };

    private static BsonDocument Members(IEnumerable<KeyValuePair<string, Value>> members, string? id = null)
    {
        var document = new BsonDocument();
        if (id is not null)
            document["_id"] = id;
        BsonArray? others = null;
        foreach ((string name, Value value) in members)
        {
            if (IsHeld(name) && !document.ContainsKey(name))
                document[name] = Of(value);
            else
                (others ??= []).Add(new BsonDocument { ["name"] = name, ["value"] = Of(value) });
        }
        if (others is not null)
            document[OtherFields] = others;
        return document;
    }

    private static bool IsHeld(string name) =>
        !name.Contains('\0', StringComparison.Ordinal)
        && !IsReserved(name);

    /// <summary>Whether a name is the store's own, and no field's.</summary>
    public static bool IsReserved(string name) =>
        name.Equals("_id", StringComparison.OrdinalIgnoreCase)
        || name.Equals(OtherFields, StringComparison.OrdinalIgnoreCase)
        || name.Equals(TooLarge, StringComparison.OrdinalIgnoreCase)
        || IsIndexName(name);

    /// <summary>Whether a name is that of a member for an index.</summary>
    public static bool IsIndexName(string name) =>
        name.Length > FieldIndex.NamePrefix.Length
        && name.StartsWith(FieldIndex.NamePrefix, StringComparison.OrdinalIgnoreCase)
        && !name.AsSpan(FieldIndex.NamePrefix.Length).ContainsAnyExceptInRange('0', '9');

    private static BsonValue Of(Value value) => value.Kind switch
    {
        ValueKind.Boolean => value.AsBoolean(),
        ValueKind.Integer => value.AsInteger(),
        ValueKind.Double => value.AsDouble(),
        ValueKind.String => value.AsString(),
        ValueKind.Bytes => value.AsBytes().ToArray(),
        ValueKind.Timestamp => value.AsTimestamp().UtcDateTime,
        ValueKind.Array => new BsonArray(value.AsArray().Select(Of)),
        ValueKind.Object => Members(value.AsObject()),
        ValueKind.Blob => Members(value.AsBlob().Describe().AsObject()),
        _ => BsonValue.Null,
    };
}
