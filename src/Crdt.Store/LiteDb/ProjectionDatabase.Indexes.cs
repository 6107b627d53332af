using LiteDB;

namespace Crdt.Store.LiteDb;

/// <content>Indexes over the fields of entities.</content>
internal sealed partial class ProjectionDatabase
{
    /// <summary>How many indexes a type can have: each costs every write of its entities.</summary>
    public const int IndexesOfTypeMax = 32;

    private readonly IndexFile indexFile;
    private SortedSet<EntityIndex>? wanted;
    private FieldIndexes indexes = FieldIndexes.None;

    /// <summary>Those that were asked for, in order; complete or not.</summary>
    public IReadOnlyList<EntityIndex> Indexes
    {
        get
        {
            lock (gate)
            {
                Opened();
                return [.. wanted!];
            }
        }
    }

    /// <summary>Those that are complete.</summary>
    public FieldIndexes CompleteIndexes => Volatile.Read(ref indexes);

    /// <summary>Makes an index, unless there is one, on one thread from beginning to end.</summary>
    public void EnsureIndex(EntityIndex index)
    {
        lock (updating)
        {
            lock (gate)
            {
                Opened();
                if (indexes.Find(index) is not null && wanted!.Contains(index)) return;
                if (wanted!.Count(i => i.Domain == index.Domain && i.Type == index.Type && i != index) >= IndexesOfTypeMax)
                    throw new ArgumentException($"{index.Domain}/{index.Type} has {IndexesOfTypeMax} indexes already.", nameof(index));
            }
            Change(() => Build([index]));
            lock (gate)
            {
                wanted!.Add(index);
                KeepWanted();
            }
        }
    }

    public bool DropIndex(EntityIndex index)
    {
        lock (updating)
        {
            bool wasWanted;
            lock (gate)
            {
                Opened();
                // Not wanted any more comes first: otherwise a crash in between would bring it back.
                wasWanted = wanted!.Remove(index);
                if (wasWanted) KeepWanted();
            }
            if (indexes.Find(index) is not { } found) return wasWanted;
            Change(() =>
            {
                lock (gate)
                {
                    LiteDatabase db = Opened();
                    if (types.Find(index.Domain, index.Type) is [var type]) db.GetCollection(type.Collection).DropIndex(found.Name);
                    return indexes.Remove(db, found);
                }
            });
            return true;
        }
    }

    /// <summary>Searches indexes; null where none narrows it down.</summary>
    public IndexSearch? Find(string domain, string type, EntityFilter filter)
    {
        FieldIndex[] usable = Usable(domain, type);
        return usable.Length > 0 && IndexPlan.For(filter, usable) is { } plan
            ? new IndexSearch([.. plan.Parts.Select(p => p.Index.Index)], Found(domain, type, plan))
            : null;
    }

    /// <summary>Reads an index in order; null where there is none, or where it does not tell the place of every entity.</summary>
    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter)
    {
        FieldIndex? found = Array.Find(Usable(index.Domain, index.Type), i => i.Index == index);
        if (found is null) return null;
        if (types.Find(index.Domain, index.Type) is not [var type]) return new IndexSearch([index], []);
        if (KeysIn(type, found, KeyRange.StartingWith(IndexKey.Unknown), isDescending).Any()) return null;
        List<KeyRange> ranges = filter is not null && IndexPlan.For(filter, [found]) is { Parts: [var (_, narrowed)] }
            ? narrowed
            : [KeyRange.All];
        return new IndexSearch([index], Sorted(type, found, ranges, isDescending));
    }

    /// <summary>How LiteDB goes about reading a stretch of an index.</summary>
    internal string Explain(EntityIndex index, EntityFilter filter)
    {
        FieldIndex found = indexes.Find(index)!;
        EntityType type = types.Find(index.Domain, index.Type)[0];
        KeyRange range = IndexPlan.For(filter, [found])!.Parts[0].Ranges[^1];
        return Guarded(db => PageOf(db, type, found, range, isDescending: false).GetPlan().ToString());
    }

    private FieldIndex[] Usable(string domain, string type)
    {
        lock (gate)
        {
            Opened();
            return [.. indexes.Of(domain, type).Where(i => wanted!.Contains(i.Index))];
        }
    }

    private IEnumerable<IReadOnlyList<EntityKey>> Found(string domain, string type, IndexPlan plan)
    {
        if (types.Find(domain, type) is not [var found]) yield break;
        foreach ((FieldIndex index, List<KeyRange> ranges) in plan.Parts)
        {
            foreach (KeyRange range in ranges)
            {
                foreach (byte[][] page in PagesIn(found, index, range, isDescending: false))
                    yield return [.. page.Select(key => KeyOf(found, key))];
            }
        }
    }

    private IEnumerable<IReadOnlyList<EntityKey>> Sorted(EntityType type, FieldIndex index, List<KeyRange> ranges, bool isDescending)
    {
        var same = new List<EntityKey>();
        byte[] value = [];
        foreach (KeyRange range in isDescending ? Enumerable.Reverse(ranges) : ranges)
        {
            foreach (byte[] key in KeysIn(type, index, range, isDescending))
            {
                (int length, bool isExact) = IndexKey.ValueIn(key);
                // What was cut is in no order among itself.
                if (same.Count > 0 && (isExact || !key.AsSpan(0, length).SequenceEqual(value)))
                {
                    yield return same;
                    same = [];
                }
                value = key[..length];
                same.Add(KeyOf(type, key));
            }
        }
        if (same.Count > 0) yield return same;
    }

    private static EntityKey KeyOf(EntityType type, byte[] key)
    {
        (int length, _) = IndexKey.ValueIn(key);
        return new EntityKey(type.Domain, type.Type, EntityKeyBytes.DecodeId(key, length));
    }

    private IEnumerable<byte[]> KeysIn(EntityType type, FieldIndex index, KeyRange range, bool isDescending) =>
        PagesIn(type, index, range, isDescending).SelectMany(page => page);

    private IEnumerable<byte[][]> PagesIn(EntityType type, FieldIndex index, KeyRange range, bool isDescending)
    {
        byte[]? last = null;
        while (true)
        {
            byte[][] page = Guarded(db => PageOf(db, type, index, range, isDescending).Limit(KeysAtOnce).ToEnumerable()
                .Select(document => document[index.Name].AsBinary).ToArray());
            bool isLast = page.Length < KeysAtOnce;
            // Ends are inclusive: the last key of a page is the first of the next.
            if (page.Length > 0 && last is not null && page[0].AsSpan().SequenceEqual(last)) page = page[1..];
            if (page.Length > 0) yield return page;
            if (isLast) yield break;
            last = page[^1];
            range = isDescending ? range with { High = last } : range with { Low = last };
        }
    }

    private static ILiteQueryableResult<BsonDocument> PageOf(
        LiteDatabase db, EntityType type, FieldIndex index, KeyRange range, bool isDescending) =>
        db.GetCollection(type.Collection).Query()
            .Where($"{index.Name} BETWEEN @0 AND @1", range.Low, range.High)
            .OrderBy(index.Name, isDescending ? LiteDB.Query.Descending : LiteDB.Query.Ascending)
            .Select(index.Name);

    /// <summary>Makes a change in a transaction of its own, durably.</summary>
    private void Change(Func<FieldIndexes> change)
    {
        try
        {
            lock (gate) Opened().BeginTrans();
            FieldIndexes changed = change();
            lock (gate)
            {
                LiteDatabase db = Opened();
                db.Commit();
                WaitForWriter(db);
                Volatile.Write(ref indexes, changed);
            }
            pages!.Flush();
        }
        catch (Exception e)
        {
            throw Abandon(e);
        }
    }

    /// <summary>Makes indexes, in the caller's transaction; readers get in between documents.</summary>
    private FieldIndexes Build(IEnumerable<EntityIndex> missing)
    {
        FieldIndexes built = indexes;
        foreach (EntityIndex index in missing)
        {
            if (built.Find(index) is not null) continue;
            FieldIndex added;
            lock (gate) built = built.Add(Opened(), index, out added);
            if (types.Find(index.Domain, index.Type) is not [var type]) continue;
            foreach (EntityKey key in KeysOf(Registers, type))
            {
                lock (gate)
                {
                    ILiteCollection<BsonDocument> documents = Opened().GetCollection(type.Collection);
                    if (documents.FindById(type.DocumentId(key)) is not { } document) continue;
                    document[added.Name] = IndexKey.Of(document, index.Field, key.Id);
                    documents.Update(document);
                }
                LetReadersIn();
            }
            lock (gate) EnsureLiteIndex(Opened(), type, added);
        }
        return built;
    }

    private static void EnsureLiteIndex(LiteDatabase db, EntityType type, FieldIndex index) =>
        db.GetCollection(type.Collection).EnsureIndex(index.Name, BsonExpression.Create($"$.{index.Name}"), unique: false);

    /// <summary>What a projection has and what was asked for, as one.</summary>
    private void LoadIndexes(LiteDatabase db)
    {
        Volatile.Write(ref indexes, FieldIndexes.Load(db));
        if (wanted is null)
        {
            wanted = new SortedSet<EntityIndex>(indexFile.Read(), EntityIndex.Order);
            // The file is written last: an index that is there was asked for.
            wanted.UnionWith(indexes.All.Select(i => i.Index));
        }
    }

    private void KeepWanted()
    {
        try
        {
            indexFile.Write(wanted!);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite("Noting the indexes", e);
        }
    }
}
