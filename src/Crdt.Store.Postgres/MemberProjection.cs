using System.IO.Hashing;
using Crdt.Store.LiteDb;
using Npgsql;

namespace Crdt.Store.Postgres;

/// <summary>A replica's projection: its registers, its indexes and zones, and the documents that it shares with the other
/// replicas of its space on this database.</summary>
/// <remarks>Registers are each replica's own, since they go with its place in its log. Documents are written by whoever
/// comes first, and by none who knows less: each says up to which entry of the space its writer had taken everything.</remarks>
internal sealed partial class MemberProjection : IAsyncDisposable
{
    private const int EntitiesAtOnce = 500;
    private const int LengthBytesAtOnce = 4 << 20;
    private const int KeysAtOnce = 512;
    private const int ZonesAtOnce = 256;

    // What an update writes.
    private static readonly string[] Tables = ["crdt_register", "crdt_zone", "crdt_index_key", "crdt_document"];

    private readonly Member member;
    private readonly Database database;
    private readonly KeyFilter filter = new();
    private readonly SemaphoreSlim updating = new(1, 1);
    private readonly Lock gate = new();
    private readonly CancellationTokenSource stopping = new();
    private readonly Task filling;
    private (LogPosition Position, LogPosition ZonedTo, byte[] Checkpoint) mark;
    private volatile bool isFilterComplete;

    public MemberProjection(Member member)
    {
        (this.member, database) = (member, member.Database);
        mark = database.Read(
            "select projected_to, zoned_to, checkpoint from crdt_projection where space = $1 and member = $2",
            row => (new LogPosition(row.GetInt64(0)), new LogPosition(row.GetInt64(1)), row.GetFieldValue<byte[]>(2)),
            member.SpaceParameter, member.IdParameter).Single();
        LoadIndexes();
        filling = Task.Run(FillFilter);
    }

    public LogPosition Position
    {
        get
        {
            lock (gate) return mark.Position;
        }
    }

    public LogPosition ZonedTo
    {
        get
        {
            lock (gate) return mark.ZonedTo;
        }
    }

    public ReadOnlyMemory<byte> Checkpoint
    {
        get
        {
            lock (gate) return mark.Checkpoint;
        }
    }

    /// <summary>Takes an update, in one transaction.</summary>
    /// <param name="update">The update.</param>
    /// <param name="fed">Up to which of the space's entries the log holds all.</param>
    /// <param name="reach">What the log holds, up to a place at or behind the update's.</param>
    public async Task ApplyAsync(ProjectionUpdate update, long fed, (long To, byte[] Bytes) reach)
    {
        member.Check();
        // Before anything is locked: zones are read from the log.
        LogZone[] zones = [.. update.Zones];
        long zonedTo = zones.Length > 0 ? zones[^1].To.Value : ZonedTo.Value;
        await updating.WaitAsync().ConfigureAwait(false);
        try
        {
            // Not earlier: an index that was made meanwhile has its keys in them.
            List<EntityRow> rows = [.. update.Entities.Select(e => EntityRow.Of(e, IndexesOf(e.Key)))];
            lock (filter)
            {
                foreach (EntityRow row in rows) filter.Add(HashOf(row.Key));
            }
            await database.RunAsync(async (connection, cancellation) =>
            {
                NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
                await using (transaction.ConfigureAwait(false))
                {
                    await WriteAsync(connection, rows, fed).ConfigureAwait(false);
                    await WriteAsync(connection, zones, update.ZonesFrom).ConfigureAwait(false);
                    using NpgsqlCommand marking = Database.Command(connection,
                        """
                        update crdt_projection set projected_to = $4, zoned_to = $5, reach_to = $6, checkpoint = $7, reach = $8
                        where space = $1 and member = $2 and epoch = $3
                        """,
                        member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(update.UpTo.Value),
                        Database.Of(zonedTo), Database.Of(reach.To), Database.Of(update.Checkpoint.ToArray()), Database.Of(reach.Bytes));
                    if (await marking.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false) == 0) throw member.TakenOver();
                    await transaction.CommitAsync(cancellation).ConfigureAwait(false);
                }
                return 0;
            }, CancellationToken.None).ConfigureAwait(false);
            lock (gate) mark = (update.UpTo, new LogPosition(zonedTo), update.Checkpoint.ToArray());
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Writing the projection", e);
        }
        finally
        {
            updating.Release();
        }
    }

    /// <summary>Forgets everything but which indexes were asked for.</summary>
    public async Task ResetAsync(CancellationToken cancellationToken)
    {
        member.Check();
        await updating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await database.RunAsync(async (connection, cancellation) =>
            {
                // One transaction: a batch is one.
                using NpgsqlBatch batch = connection.CreateBatch();
                batch.BatchCommands.Add(Database.Command(
                    """
                    update crdt_projection set projected_to = 0, zoned_to = 0, checkpoint = ''::bytea
                    where space = $1 and member = $2 and epoch = $3
                    """, member.SpaceParameter, member.IdParameter, member.EpochParameter));
                foreach (string table in Tables)
                {
                    batch.BatchCommands.Add(Database.Command(
                        $"""
                        delete from {table} where space = $1 and member = $2 and exists (select 1 from crdt_projection p
                            where p.space = $1 and p.member = $2 and p.epoch = $3)
                        """, member.SpaceParameter, member.IdParameter, member.EpochParameter));
                }
                await batch.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
                return 0;
            }, cancellationToken).ConfigureAwait(false);
            lock (gate) mark = (default, default, []);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Forgetting the projection", e);
        }
        finally
        {
            updating.Release();
        }
    }

    public ReadOnlyMemory<byte>? ReadState(EntityKey key)
    {
        byte[] bytes = RowKey.Of(key);
        // Most keys that are asked for and not there are about to be created, by a commit that waits for the answer.
        if (isFilterComplete && !filter.MayContain(HashOf(bytes))) return null;
        List<byte[]> found = database.Read(
            "select state from crdt_register where space = $1 and member = $2 and key = $3",
            row => row.GetFieldValue<byte[]>(0), member.SpaceParameter, member.IdParameter, Database.Of(bytes));
        // Not by a conditional: null would become empty memory.
        if (found is not [var state]) return null;
        return state;
    }

    public IEnumerable<EntityKey> Keys(string? domain, string? type)
    {
        if (domain is not null) return type is null ? Decode(RowKey.Part(domain), "") : Decode(RowKey.OfType(domain, type), "");
        return type is null ? Decode([], "") : KeysOfType(type);
    }

    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => Decode([], $"and marks & {(int)mark} <> 0");

    public IEnumerable<LogZone> ReadZones(LogPosition from)
    {
        long next = from.Value;
        while (true)
        {
            List<LogZone> page = database.Read(
                """
                select zone_from, zone_to, content from crdt_zone
                where space = $1 and member = $2 and zone_to > $3 order by zone_to limit $4
                """,
                row => new LogZone(new LogPosition(row.GetInt64(0)), new LogPosition(row.GetInt64(1)), row.GetFieldValue<byte[]>(2)),
                member.SpaceParameter, member.IdParameter, Database.Of(next), Database.Of(ZonesAtOnce));
            foreach (LogZone zone in page) yield return zone;
            if (page.Count < ZonesAtOnce) yield break;
            next = page[^1].To.Value;
        }
    }

    /// <summary>Waits for what runs by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await filling.ConfigureAwait(false);
        stopping.Dispose();
        updating.Dispose();
    }

    private static ulong HashOf(byte[] key) => XxHash3.HashToUInt64(key);

    private void FillFilter()
    {
        try
        {
            foreach (byte[] key in Pages([], ""))
            {
                if (stopping.IsCancellationRequested) return;
                lock (filter) filter.Add(HashOf(key));
            }
            isFilterComplete = true;
        }
        catch (Exception e) when (e is StoreException or ObjectDisposedException or InvalidOperationException)
        {
            // Without it each key is asked for.
        }
    }

    private IEnumerable<EntityKey> Decode(byte[] prefix, string condition) => Pages(prefix, condition).Select(RowKey.Decode);

    // Over the types of all domains: each is found as the first key behind the one before.
    private IEnumerable<EntityKey> KeysOfType(string type)
    {
        byte[] from = [];
        while (true)
        {
            List<byte[]> next = database.Read(
                "select key from crdt_register where space = $1 and member = $2 and key >= $3 order by key limit 1",
                row => row.GetFieldValue<byte[]>(0), member.SpaceParameter, member.IdParameter, Database.Of(from));
            if (next is not [var first]) yield break;
            EntityKey key = RowKey.Decode(first);
            byte[] prefix = RowKey.OfType(key.Domain, key.Type);
            if (key.Type == type)
            {
                foreach (EntityKey found in Decode(prefix, "")) yield return found;
            }
            from = RowKey.After(prefix);
        }
    }

    private IEnumerable<byte[]> Pages(byte[] prefix, string condition)
    {
        byte[] from = prefix;
        string above = ">=";
        string below = prefix.Length == 0 ? "" : "and key < $5";
        while (true)
        {
            List<byte[]> page = database.Read(
                $"""
                select key from crdt_register
                where space = $1 and member = $2 and key {above} $3 {below} {condition} order by key limit $4
                """,
                row => row.GetFieldValue<byte[]>(0),
                [
                    member.SpaceParameter, member.IdParameter, Database.Of(from), Database.Of(KeysAtOnce),
                    .. prefix.Length == 0 ? (NpgsqlParameter[])[] : [Database.Of(RowKey.After(prefix))],
                ]);
            foreach (byte[] key in page) yield return key;
            if (page.Count < KeysAtOnce) yield break;
            (from, above) = (page[^1], ">");
        }
    }

    private async Task WriteAsync(NpgsqlConnection connection, List<EntityRow> rows, long fed)
    {
        for (int from = 0; from < rows.Count;)
        {
            int count = 0;
            for (long length = 0; from + count < rows.Count && count < EntitiesAtOnce && (count == 0 || length <= LengthBytesAtOnce); count++)
                length += rows[from + count].State?.Length + rows[from + count].Document?.Document.Length ?? 0;
            await WriteAsync(connection, rows[from..(from + count)], rows[from..(from + count)].Where(r => r.State is null).ToList(), fed)
                .ConfigureAwait(false);
            from += count;
        }
    }

    private async Task WriteAsync(NpgsqlConnection connection, List<EntityRow> rows, List<EntityRow> gone, long fed)
    {
        using NpgsqlBatch batch = connection.CreateBatch();
        if (gone.Count > 0)
        {
            NpgsqlParameter keys = Database.Of(gone.Select(r => r.Key).ToArray());
            batch.BatchCommands.Add(Database.Command(
                "delete from crdt_register where space = $1 and member = $2 and key = any($3)", member.SpaceParameter, member.IdParameter, keys));
            batch.BatchCommands.Add(Database.Command(
                "delete from crdt_document where space = $1 and key = any($2) and fed <= $3", member.SpaceParameter, keys.Clone(), Database.Of(fed)));
            rows = [.. rows.Where(r => r.State is not null)];
        }
        if (rows.Count > 0)
        {
            byte[][] keys = [.. rows.Select(r => r.Key)];
            batch.BatchCommands.Add(Database.Command(
                """
                insert into crdt_register (space, member, key, marks, document_hash, state)
                select $1, $2, t.key, t.marks, t.hash, t.state
                from unnest($3::bytea[], $4::smallint[], $5::bigint[], $6::bytea[]) as t(key, marks, hash, state)
                on conflict (space, member, key) do update
                    set marks = excluded.marks, document_hash = excluded.document_hash, state = excluded.state
                """,
                member.SpaceParameter, member.IdParameter, Database.Of(keys), Database.Of(rows.Select(r => (short)r.Marks).ToArray()),
                Database.Of(rows.Select(r => r.Document?.Hash).ToArray()), Database.Of(rows.Select(r => r.State!).ToArray())));
            batch.BatchCommands.Add(Database.Command(
                """
                insert into crdt_document (space, key, domain, type, id, document, kinds, hash, updated_at, member, fed)
                select $1, t.key, t.domain, t.type, t.id, t.document, t.kinds, t.hash, t.updated_at, $2, $3
                from unnest($4::bytea[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::jsonb[], $10::bigint[], $11::timestamptz[])
                    as t(key, domain, type, id, document, kinds, hash, updated_at)
                on conflict (space, key) do update set document = excluded.document, kinds = excluded.kinds, hash = excluded.hash,
                    updated_at = excluded.updated_at, member = excluded.member, fed = excluded.fed
                where crdt_document.fed <= excluded.fed
                """,
                member.SpaceParameter, member.IdParameter, Database.Of(fed), Database.Of(keys),
                Database.Of(rows.Select(r => DocumentJson.Text(r.Entity.Domain)).ToArray()),
                Database.Of(rows.Select(r => DocumentJson.Text(r.Entity.Type)).ToArray()),
                Database.Of(rows.Select(r => DocumentJson.Text(r.Entity.Id)).ToArray()),
                Database.OfJson([.. rows.Select(r => r.Document?.Document)]), Database.OfJson([.. rows.Select(r => r.Document?.Kinds)]),
                Database.Of(rows.Select(r => r.Document?.Hash ?? 0).ToArray()),
                Database.Of(rows.Select(r => r.UpdatedAt).ToArray())));
        }
        AddIndexKeys(batch, rows, gone);
        await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private async Task WriteAsync(NpgsqlConnection connection, LogZone[] zones, LogPosition from)
    {
        using NpgsqlBatch batch = connection.CreateBatch();
        if (zones.Length > 0)
        {
            batch.BatchCommands.Add(Database.Command(
                """
                insert into crdt_zone (space, member, zone_to, zone_from, content)
                select $1, $2, t.zone_to, t.zone_from, t.content from unnest($3::bigint[], $4::bigint[], $5::bytea[]) as t(zone_to, zone_from, content)
                on conflict (space, member, zone_to) do update set zone_from = excluded.zone_from, content = excluded.content
                """,
                member.SpaceParameter, member.IdParameter, Database.Of(zones.Select(z => z.To.Value).ToArray()),
                Database.Of(zones.Select(z => z.From.Value).ToArray()), Database.Of(zones.Select(z => z.Content.ToArray()).ToArray())));
        }
        batch.BatchCommands.Add(Database.Command(
            "delete from crdt_zone where space = $1 and member = $2 and zone_to <= $3",
            member.SpaceParameter, member.IdParameter, Database.Of(from.Value)));
        await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>An entity made ready to be written.</summary>
    private sealed record EntityRow(
        byte[] Key, EntityKey Entity, byte[]? State, DocumentJson? Document, EntityMarks Marks, DateTime? UpdatedAt,
        (int Number, byte[] Value)[] IndexKeys)
    {
        public static EntityRow Of(ProjectedEntity projected, FieldIndex[] indexes)
        {
            byte[] key = RowKey.Of(projected.Key);
            if (projected.IsGone) return new EntityRow(key, projected.Key, null, null, EntityMarks.None, null, []);
            Entity entity = projected.Entity;
            return new EntityRow(key, projected.Key, projected.State.Value.ToArray(), entity.Exists ? DocumentJson.Of(entity) : null,
                projected.Marks, entity.UpdatedAt?.Time.UtcDateTime,
                entity.Exists ? [.. indexes.Select(i => (i.Number, KeyIn(entity, i)))] : []);
        }

        private static byte[] KeyIn(Entity entity, FieldIndex index) =>
            IndexRow.Of(DocumentJson.Read(entity, index.Index.Field), entity.Key.Id);
    }
}
