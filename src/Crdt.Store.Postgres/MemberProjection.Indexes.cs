using System.Text;
using Crdt.Store.LiteDb;
using Npgsql;

namespace Crdt.Store.Postgres;

/// <content>Indexes over the fields of entities: rows of bytes that sort as queries sort, so that every engine with an ordered
/// index over bytes finds the same.</content>
internal sealed partial class MemberProjection
{
    private static readonly string[] IndexTables = ["crdt_index", "crdt_index_key"];

    private FieldIndex[] indexes = [];

    /// <summary>Those that there are, in order.</summary>
    public IReadOnlyList<EntityIndex> Indexes => [.. Volatile.Read(ref indexes).Select(i => i.Index).Order(EntityIndex.Order)];

    public async Task EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        member.Check();
        await updating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Array.Exists(indexes, i => i.Index == index)) return;
            if (IndexesOf(index.Domain, index.Type).Length >= ProjectionDatabase.IndexesOfTypeMax)
                throw new ArgumentException($"{index.Domain}/{index.Type} has {ProjectionDatabase.IndexesOfTypeMax} indexes already.", nameof(index));
            var made = new FieldIndex(indexes.Select(i => i.Number).DefaultIfEmpty(0).Max() + 1, index);
            await database.RunAsync(async (connection, cancellation) =>
            {
                NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
                await using (transaction.ConfigureAwait(false))
                {
                    using NpgsqlCommand noting = Database.Command(connection,
                        "insert into crdt_index (space, member, number, domain, type, field) values ($1, $2, $3, $4, $5, $6)",
                        member.SpaceParameter, member.IdParameter, Database.Of(made.Number), Database.Of(Encoding.UTF8.GetBytes(index.Domain)),
                        Database.Of(Encoding.UTF8.GetBytes(index.Type)), Database.Of(Encoding.UTF8.GetBytes(index.Field.ToString())));
                    await noting.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
                    await BuildAsync(connection, made).ConfigureAwait(false);
                    await transaction.CommitAsync(cancellation).ConfigureAwait(false);
                }
                return 0;
            }, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref indexes, [.. indexes, made]);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Making an index", e);
        }
        finally
        {
            updating.Release();
        }
    }

    public async Task<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        member.Check();
        await updating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Array.Find(indexes, i => i.Index == index) is not { } found) return false;
            Volatile.Write(ref indexes, [.. indexes.Where(i => i != found)]);
            foreach (string table in IndexTables)
            {
                await database.ExecuteAsync($"delete from {table} where space = $1 and member = $2 and number = $3",
                    CancellationToken.None, member.SpaceParameter, member.IdParameter, Database.Of(found.Number)).ConfigureAwait(false);
            }
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Dropping an index", e);
        }
        finally
        {
            updating.Release();
        }
    }

    /// <summary>Searches indexes; null where none narrows it down.</summary>
    public IndexSearch? Find(string domain, string type, EntityFilter wanted)
    {
        FieldIndex[] usable = IndexesOf(domain, type);
        return usable.Length > 0 && IndexPlan.For(wanted, usable) is { } plan
            ? new IndexSearch([.. plan.Parts.Select(p => p.Index.Index)], Found(domain, type, plan))
            : null;
    }

    /// <summary>Reads an index in order; null where there is none, or where it does not tell the place of every entity.</summary>
    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? wanted)
    {
        FieldIndex[] usable = IndexesOf(index.Domain, index.Type);
        if (Array.Find(usable, i => i.Index == index) is not { } found
            || KeysIn(found, KeyRange.StartingWith(IndexKey.Unknown), isDescending).Any()) return null;
        List<KeyRange> ranges = wanted is not null && IndexPlan.For(wanted, [found]) is { Parts: [var (_, narrowed)] }
            ? narrowed : [KeyRange.All];
        return new IndexSearch([index], Sorted(found, ranges, isDescending));
    }

    private FieldIndex[] IndexesOf(EntityKey key) => IndexesOf(key.Domain, key.Type);

    private FieldIndex[] IndexesOf(string domain, string type) =>
        Array.FindAll(Volatile.Read(ref indexes), i => i.Index.Domain == domain && i.Index.Type == type);

    private void LoadIndexes() => indexes = [.. database.Read(
        "select number, domain, type, field from crdt_index where space = $1 and member = $2 order by number",
        row => new FieldIndex(row.GetInt32(0), new EntityIndex(Text(row, 1), Text(row, 2), FieldPath.Parse(Text(row, 3)))),
        member.SpaceParameter, member.IdParameter)];

    private static string Text(NpgsqlDataReader row, int column) => Encoding.UTF8.GetString(row.GetFieldValue<byte[]>(column));

    private IEnumerable<IReadOnlyList<EntityKey>> Found(string domain, string type, IndexPlan plan)
    {
        foreach ((FieldIndex index, List<KeyRange> ranges) in plan.Parts)
        {
            foreach (KeyRange range in ranges)
            {
                foreach (byte[][] page in PagesIn(index, range, isDescending: false))
                    yield return [.. page.Select(key => new EntityKey(domain, type, IndexRow.IdOf(key)))];
            }
        }
    }

    private IEnumerable<IReadOnlyList<EntityKey>> Sorted(FieldIndex index, List<KeyRange> ranges, bool isDescending)
    {
        var same = new List<EntityKey>();
        byte[] value = [];
        foreach (KeyRange range in isDescending ? Enumerable.Reverse(ranges) : ranges)
        {
            foreach (byte[] key in KeysIn(index, range, isDescending))
            {
                (int length, bool isExact) = IndexKey.ValueIn(key);
                // What was cut is in no order among itself.
                if (same.Count > 0 && (isExact || !key.AsSpan(0, length).SequenceEqual(value)))
                {
                    yield return same;
                    same = [];
                }
                value = key[..length];
                same.Add(new EntityKey(index.Index.Domain, index.Index.Type, IndexRow.IdOf(key)));
            }
        }
        if (same.Count > 0) yield return same;
    }

    private IEnumerable<byte[]> KeysIn(FieldIndex index, KeyRange range, bool isDescending) =>
        PagesIn(index, range, isDescending).SelectMany(page => page);

    private IEnumerable<byte[][]> PagesIn(FieldIndex index, KeyRange range, bool isDescending)
    {
        (byte[] low, byte[] high) = (range.Low, range.High);
        (string above, string below) = (">=", "<=");
        while (true)
        {
            byte[][] page = [.. database.Read(
                $"""
                select value from crdt_index_key where space = $1 and member = $2 and number = $3 and value {above} $4 and value {below} $5
                order by value {(isDescending ? "desc" : "asc")} limit $6
                """,
                row => row.GetFieldValue<byte[]>(0), member.SpaceParameter, member.IdParameter, Database.Of(index.Number),
                Database.Of(low), Database.Of(high), Database.Of(KeysAtOnce))];
            if (page.Length > 0) yield return page;
            if (page.Length < KeysAtOnce) yield break;
            if (isDescending) (high, below) = (page[^1], "<");
            else (low, above) = (page[^1], ">");
        }
    }

    private void AddIndexKeys(NpgsqlBatch batch, List<EntityRow> rows, List<EntityRow> gone)
    {
        EntityRow[] touched = [.. rows.Concat(gone).Where(r => IndexesOf(r.Entity).Length > 0)];
        if (touched.Length == 0) return;
        batch.BatchCommands.Add(Database.Command(
            "delete from crdt_index_key where space = $1 and member = $2 and key = any($3)",
            member.SpaceParameter, member.IdParameter, Database.Of(touched.Select(r => r.Key).ToArray())));
        AddIndexKeys(batch, [.. touched.SelectMany(r => r.IndexKeys.Select(k => (r.Key, k.Number, k.Value)))]);
    }

    private void AddIndexKeys(NpgsqlBatch batch, (byte[] Key, int Number, byte[] Value)[] keys)
    {
        if (keys.Length == 0) return;
        batch.BatchCommands.Add(Database.Command(
            """
            insert into crdt_index_key (space, member, key, number, value)
            select $1, $2, t.key, t.number, t.value from unnest($3::bytea[], $4::int[], $5::bytea[]) as t(key, number, value)
            on conflict (space, member, key, number) do update set value = excluded.value
            """,
            member.SpaceParameter, member.IdParameter, Database.Of(keys.Select(k => k.Key).ToArray()),
            Database.Of(keys.Select(k => k.Number).ToArray()), Database.Of(keys.Select(k => k.Value).ToArray())));
    }

    /// <summary>Fills an index from the documents: of an entity whose document another replica has written, and otherwise than
    /// this one would, nothing can be told until it changes here.</summary>
    private async Task BuildAsync(NpgsqlConnection connection, FieldIndex index)
    {
        byte[] prefix = RowKey.OfType(index.Index.Domain, index.Index.Type), from = prefix;
        while (true)
        {
            var page = new List<(byte[] Key, string? Document, string? Kinds)>();
            using (NpgsqlCommand reading = Database.Command(connection,
                """
                select r.key, d.document, d.kinds from crdt_register r
                    left join crdt_document d on d.space = r.space and d.key = r.key and d.hash = r.document_hash
                where r.space = $1 and r.member = $2 and r.document_hash is not null and r.key > $3 and r.key < $4 order by r.key limit $5
                """,
                member.SpaceParameter, member.IdParameter, Database.Of(from), Database.Of(RowKey.After(prefix)), Database.Of(KeysAtOnce)))
            {
                using NpgsqlDataReader reader = await reading.ExecuteReaderAsync().ConfigureAwait(false);
                while (await reader.ReadAsync().ConfigureAwait(false))
                {
                    page.Add((reader.GetFieldValue<byte[]>(0), Held(reader, 1), Held(reader, 2)));
                    from = page[^1].Key;
                }
            }
            using (NpgsqlBatch batch = connection.CreateBatch())
            {
                AddIndexKeys(batch, [.. page.Select(p => (p.Key, index.Number, IndexRow.Of(
                    p.Document is null ? null : DocumentJson.Read(p.Document, p.Kinds, index.Index.Field), RowKey.Decode(p.Key).Id)))]);
                if (batch.BatchCommands.Count > 0) await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
            }
            if (page.Count < KeysAtOnce) return;
        }

        static string? Held(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
    }
}
