using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>The indexes that a projection has. Immutable.</summary>
internal sealed class FieldIndexes
{
    public static readonly FieldIndexes None = new([]);

    private const string Table = "_indexes";

    private readonly FieldIndex[] all;
    private readonly Dictionary<(string Domain, string Type), FieldIndex[]> byType;

    private FieldIndexes(IEnumerable<FieldIndex> indexes)
    {
        all = [.. indexes.OrderBy(i => i.Number)];
        byType = all.GroupBy(i => (i.Index.Domain, i.Index.Type)).ToDictionary(g => g.Key, g => g.ToArray());
    }

    public IReadOnlyList<FieldIndex> All => all;

    public static FieldIndexes Load(ILiteDatabase database)
    {
        // Of most projections this is asked in vain.
        if (!database.CollectionExists(Table)) return None;
        return new FieldIndexes(database.GetCollection(Table).FindAll().Where(d => d["domain"].IsString).Select(d => new FieldIndex(
            d["_id"].AsInt32, new EntityIndex(d["domain"].AsString, d["type"].AsString, FieldPath.Parse(d["field"].AsString)))));
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
        return new FieldIndexes(all.Where(i => i != index));
    }

    /// <summary>Adds an entity's keys to its document.</summary>
    public void AddKeys(BsonDocument document, EntityKey key)
    {
        foreach (FieldIndex index in Of(key.Domain, key.Type))
            document[index.Name] = IndexKey.Of(document, index.Index.Field, key.Id);
    }
}
