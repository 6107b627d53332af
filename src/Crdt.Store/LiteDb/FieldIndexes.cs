using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>The indexes that a projection has. Immutable.</summary>
internal sealed class FieldIndexes
{
    public static readonly FieldIndexes None = new([]);

    private const string Table = "_indexes";

    private readonly FieldIndex[] all;
    private readonly Dictionary<(string Domain, string Type), FieldIndex[]> byType;

    private FieldIndexes(FieldIndex[] indexes)
    {
        all = indexes;
        byType = [];
        foreach (FieldIndex index in indexes)
        {
            (string, string) type = (index.Index.Domain, index.Index.Type);
            byType[type] = [.. byType.GetValueOrDefault(type) ?? [], index];
        }
    }

    public IReadOnlyList<FieldIndex> All => all;

    public static FieldIndexes Load(ILiteDatabase database)
    {
        var found = new List<FieldIndex>();
        foreach (BsonDocument document in database.GetCollection(Table).FindAll())
        {
            // What was dropped has left its number only.
            if (!document["domain"].IsString) continue;
            found.Add(new FieldIndex(document["_id"].AsInt32, new EntityIndex(
                document["domain"].AsString, document["type"].AsString, FieldPath.Parse(document["field"].AsString))));
        }
        return found.Count == 0 ? None : new FieldIndexes([.. found]);
    }

    /// <summary>Those of a type, in the order in which they were made.</summary>
    public FieldIndex[] Of(string domain, string type) => byType.GetValueOrDefault((domain, type)) ?? [];

    public FieldIndex? Find(EntityIndex index) => Array.Find(Of(index.Domain, index.Type), i => i.Index == index);

    /// <summary>With one more, written in the caller's transaction.</summary>
    public FieldIndexes Add(ILiteDatabase database, EntityIndex index, out FieldIndex added)
    {
        // Numbers of dropped ones are not given again: documents may still have their keys.
        int number = database.GetCollection(Table).Query().OrderByDescending("_id").Select("_id").Limit(1).ToEnumerable()
            .Select(d => d["_id"].AsInt32).FirstOrDefault() + 1;
        added = new FieldIndex(number, index);
        database.GetCollection(Table).Insert(new BsonDocument
        {
            ["_id"] = number,
            ["domain"] = index.Domain,
            ["type"] = index.Type,
            ["field"] = index.Field.ToString(),
        });
        return new FieldIndexes([.. all, added]);
    }

    /// <summary>Without one, in the caller's transaction.</summary>
    public FieldIndexes Remove(ILiteDatabase database, FieldIndex index)
    {
        database.GetCollection(Table).Update(new BsonDocument { ["_id"] = index.Number });
        return new FieldIndexes([.. all.Where(i => i != index)]);
    }

    /// <summary>Adds an entity's keys to its document.</summary>
    public void AddKeys(BsonDocument document, EntityKey key)
    {
        foreach (FieldIndex index in Of(key.Domain, key.Type))
            document[index.Name] = IndexKey.Of(document, index.Index.Field, key.Id);
    }
}
