using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>The types of entities that were projected: a number for each, for short keys, and the collection that holds
/// its documents.</summary>
/// <remarks>One writer; readers at any time.</remarks>
internal sealed class TypeTable
{
    /// <summary>Holds the documents of types beyond <see cref="CollectionsMax"/>, under
    /// <c>domain/type/id</c>.</summary>
    public const string SharedCollection = "entities";

    // LiteDB keeps the names of all collections in one page of 8 KB.
    private const int CollectionsMax = 150;
    private const int NameLengthMax = 40;

    private const string Table = "_types";

    private readonly ConcurrentDictionary<(string Domain, string Type), EntityType> types = [];

    public static TypeTable Load(ILiteDatabase database)
    {
        var table = new TypeTable();
        foreach (BsonDocument document in database.GetCollection(Table).FindAll())
        {
            table.Add(new EntityType(
                document["_id"].AsInt32,
                document["domain"].AsString,
                document["type"].AsString,
                document["docs"].AsString));
        }
        return table;
    }

    /// <summary>All of a domain, a type, or all; in ordinal order.</summary>
    public EntityType[] Find(string? domain, string? type) =>
    [
        .. types.Values.Where(t => (domain ?? t.Domain) == t.Domain && (type ?? t.Type) == t.Type)
            .OrderBy(t => t.Domain, StringComparer.Ordinal).ThenBy(t => t.Type, StringComparer.Ordinal),
    ];

    public EntityType? Find(EntityKey key) => types.GetValueOrDefault((key.Domain, key.Type));

    /// <summary>Finds a type, or gives it a number and a collection in the caller's transaction.</summary>
    public EntityType GetOrAdd(EntityKey key, ILiteDatabase database)
    {
        if (Find(key) is { } known)
            return known;
        int number = types.Count + 1;
        var added = new EntityType(number, key.Domain, key.Type, CollectionFor(key.Domain, key.Type, number));
        database.GetCollection(Table).Insert(new BsonDocument
        {
            ["_id"] = number,
            ["domain"] = added.Domain,
            ["type"] = added.Type,
            ["docs"] = added.Collection,
        });
        Add(added);
        return added;
    }

    private void Add(EntityType type) => types[(type.Domain, type.Type)] = type;

    // The names as they are where LiteDB allows it; its collections are named without case.
    private string CollectionFor(string domain, string type, int number)
    {
        if (number > CollectionsMax)
            return SharedCollection;
        var name = new StringBuilder();
        foreach (char c in $"{domain}_{type}")
            name.Append(char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_');
        if (!char.IsAsciiLetter(name[0]))
            name.Insert(0, 'e');
        bool isExact = name.Length <= NameLengthMax
            && name.Equals($"{domain}_{type}".AsSpan())
            && !domain.Contains('_', StringComparison.Ordinal)
            && !types.Values.Any(t => t.Collection.Equals(name.ToString(), StringComparison.OrdinalIgnoreCase))
            && name.ToString() != SharedCollection;
        if (isExact)
            return name.ToString();
        if (name.Length > NameLengthMax)
            name.Length = NameLengthMax;
        return name.Append(CultureInfo.InvariantCulture, $"_{number}").ToString();
    }
}
