using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Npgsql;

namespace Crdt.Store.Postgres;

/// <summary>A replica's log: the order in which it applied, as positions of entries that the space holds once for everybody.
/// A place in the log is the number of entries before it.</summary>
internal sealed class MemberLog : IDisposable
{
    // What is read at once: so many appends, or about so many bytes.
    private const int GroupsAtOnce = 512;
    private const long LengthBytesAtOnce = 4 << 20;

    private const int DroppedAtOnce = 5_000;

    // Who was not heard of for so long is not waited for: it joins from a peer, as a newcomer does.
    private static readonly TimeSpan Forgotten = TimeSpan.FromDays(7);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Member member;
    private readonly Database database;
    private readonly LogTailCache tail = new();
    private readonly Lock naming = new();
    private readonly SemaphoreSlim appending = new(1, 1);
    private long start, end;
    private bool isUncertain, isRelaxedOpen;
    private ReplicaId writer;

    private MemberLog(Member member, LogReach reach)
    {
        (this.member, database, Reach) = (member, member.Database, reach);
        (start, end, writer) = member.Opened;
        tail.Begin(end);
    }

    /// <summary>What it holds of whom.</summary>
    public LogReach Reach { get; }

    public long Start => Volatile.Read(ref start);

    public long End => Volatile.Read(ref end);

    /// <summary>Who writes it.</summary>
    public ReplicaId Writer
    {
        get
        {
            lock (naming) return writer;
        }
    }

    /// <summary>Told after each append: whether it brought the space anything that it did not hold.</summary>
    public event Action<bool>? Appended;

    /// <summary>Opens the log of a member.</summary>
    public static MemberLog Open(Member member)
    {
        (byte[] Bytes, long To) held = member.Database.Read(
            "select reach, reach_to from crdt_projection where space = $1 and member = $2",
            row => (row.GetFieldValue<byte[]>(0), row.GetInt64(1)), member.SpaceParameter, member.IdParameter).Single();
        LogReach reach = LogReach.Decode(held.Bytes, out List<long> snapshots);
        var log = new MemberLog(member, reach);
        foreach (long place in snapshots.Where(p => p >= log.Start))
        {
            LogEntry entry = log.Read(place).First().Entry;
            reach.Include(entry.Kind, entry.Author, entry.LastSequence, place, entry.Payload);
        }
        long at = Math.Max(held.To, log.Start);
        while (at < log.End)
        {
            foreach (Row row in log.ReadRows(at, log.End, withPayload: false))
            {
                ReadOnlyMemory<byte> payload = row.Entry.Kind == LogEntryKind.Snapshot ? log.Read(row.Place).First().Entry.Payload : default;
                reach.Include(row.Entry.Kind, row.Entry.Author, row.Entry.LastSequence, row.Place, payload);
                at = row.Place + 1;
            }
        }
        return log;
    }

    /// <summary>What tells an entry from others: notes are one log's own, all else is the same bytes in everybody's.</summary>
    public static byte[] DigestOf(LogEntryKind kind, byte[] payload) =>
        kind is LogEntryKind.Batch or LogEntryKind.Head or LogEntryKind.SnapshotChunk or LogEntryKind.Snapshot
            ? SHA256.HashData(payload) : Guid.NewGuid().ToByteArray();

    /// <inheritdoc/>
    public void Dispose() => appending.Dispose();

    // ---- appending ----

    /// <summary>Appends entries in one transaction and one exchange with the database: positions in the space are taken under
    /// the lock of its row, so they become visible in their order.</summary>
    public async Task<long> AppendAsync(ReadOnlyMemory<LogEntry> entries, bool isDurable)
    {
        var group = new EntryGroup(entries.Span);
        await appending.WaitAsync().ConfigureAwait(false);
        try
        {
            member.Check();
            if (isUncertain) await SettleAsync().ConfigureAwait(false);
            bool isNews = await AppendAsync(group, isDurable).ConfigureAwait(false);
            long place = end;
            foreach (LogEntry entry in group.Entries)
            {
                Reach.Include(entry.Kind, entry.Author, entry.LastSequence, place++, entry.Payload);
                if (entry.Kind != LogEntryKind.Identity) continue;
                lock (naming) writer = entry.Author;
            }
            tail.Add(group.Entries);
            Volatile.Write(ref end, place);
            isRelaxedOpen = !isDurable;
            Appended?.Invoke(isNews);
            return place;
        }
        finally
        {
            appending.Release();
        }
    }

    /// <summary>Makes what was appended in relaxed transactions durable: any durable commit behind them does.</summary>
    public async Task SyncAsync(CancellationToken cancellationToken)
    {
        await appending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            member.Check();
            if (!isRelaxedOpen) return;
            int held = await database.ExecuteAsync(
                "update crdt_member set seen_at = now() where space = $1 and member = $2 and epoch = $3 and log_end = $4",
                cancellationToken, member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(end)).ConfigureAwait(false);
            if (held == 0) throw Lost(await ReadStateAsync().ConfigureAwait(false));
            isRelaxedOpen = false;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Making the log durable", e);
        }
        finally
        {
            appending.Release();
        }
    }

    private async Task<bool> AppendAsync(EntryGroup group, bool isDurable)
    {
        long since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                NpgsqlConnection connection = await database.OpenAsync(CancellationToken.None).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    using NpgsqlBatch batch = connection.CreateBatch();
                    int first = Fill(batch, group, isDurable);
                    await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
                    if (batch.BatchCommands[first + 1].RecordsAffected == 1) return batch.BatchCommands[first + 2].RecordsAffected > 0;
                }
                // Not this log's end: lost, taken over, or appended by an attempt of which the answer was lost.
                (long Epoch, long End, Guid? Last) state = await ReadStateAsync().ConfigureAwait(false);
                return state.Last == group.Id ? true : throw Lost(state);
            }
            catch (Exception e) when (Database.IsLostRace(e))
            {
                await Task.Delay(Pause).ConfigureAwait(false);
            }
            catch (Exception e) when (Database.IsUnreached(e))
            {
                if (Stopwatch.GetElapsedTime(since) >= database.Patience)
                {
                    isUncertain = true;
                    throw Database.Failed("Appending to the log", e);
                }
                await Task.Delay(Pause).ConfigureAwait(false);
            }
            catch (PostgresException e)
            {
                throw Database.Failed("Appending to the log", e);
            }
        }
    }

    private int Fill(NpgsqlBatch batch, EntryGroup group, bool isDurable)
    {
        // For this transaction alone.
        if (!isDurable) batch.BatchCommands.Add(new NpgsqlBatchCommand("select set_config('synchronous_commit', 'off', true)"));
        int first = batch.BatchCommands.Count;
        int count = group.Entries.Length;
        batch.BatchCommands.Add(Database.Command(
            "update crdt_space set next_position = next_position + $2 where space = $1", member.SpaceParameter, Database.Of((long)count)));
        // Whoever finds this append's id below goes on; a group of another log's end finds nothing, and changes nothing.
        batch.BatchCommands.Add(Database.Command(
            """
            update crdt_member set log_end = log_end + $5, last_append = $6, writer = coalesce($7, writer)
            where space = $1 and member = $2 and epoch = $3 and log_end = $4
            """,
            member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(end), Database.Of((long)count), Database.Of(group.Id),
            new NpgsqlParameter { Value = (object?)group.NewWriter ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid }));
        batch.BatchCommands.Add(Database.Command(
            """
            insert into crdt_entry (space, position, kind, author, first_sequence, last_sequence, digest, payload)
            select $1, s.next_position - $4 + t.i, t.kind, t.author, t.first_sequence, t.last_sequence, t.digest, t.payload
            from unnest($5::int[], $6::smallint[], $7::uuid[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[])
                as t(i, kind, author, first_sequence, last_sequence, digest, payload), crdt_space s, crdt_member m
            where s.space = $1 and m.space = $1 and m.member = $2 and m.last_append = $3
            order by t.i
            on conflict do nothing
            """,
            [member.SpaceParameter, member.IdParameter, Database.Of(group.Id), Database.Of((long)count), .. group.Parameters(withPayload: true)]));
        batch.BatchCommands.Add(Database.Command(
            """
            insert into crdt_order (space, member, place, places, top, low, length_bytes, positions)
            select $1, $2, $4, $5,
                greatest(max(e.position), coalesce((select max(o.top) from crdt_order o where o.space = $1 and o.member = $2), -1)),
                min(e.position), $6, array_agg(e.position order by t.i)
            from unnest($7::int[], $8::smallint[], $9::uuid[], $10::bigint[], $11::bigint[], $12::bytea[])
                as t(i, kind, author, first_sequence, last_sequence, digest)
                join crdt_entry e on e.space = $1 and e.author = t.author and e.last_sequence = t.last_sequence and e.kind = t.kind
                    and e.first_sequence = t.first_sequence and e.digest = t.digest,
                crdt_member m
            where m.space = $1 and m.member = $2 and m.last_append = $3
            having count(*) > 0
            on conflict do nothing
            """,
            [
                member.SpaceParameter, member.IdParameter, Database.Of(group.Id), Database.Of(end), Database.Of(count),
                Database.Of(group.LengthBytes), .. group.Parameters(withPayload: false),
            ]));
        return first;
    }

    // After a failure of which it is not known what came of it.
    private async Task SettleAsync()
    {
        try
        {
            (long Epoch, long End, Guid? Last) state = await ReadStateAsync().ConfigureAwait(false);
            if (state.Epoch != member.Epoch || state.End != end) throw Lost(state);
            isUncertain = false;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Appending to the log", e);
        }
    }

    private StoreException Lost((long Epoch, long End, Guid? Last) state) => state.Epoch != member.Epoch
        ? member.TakenOver()
        : member.Fail(new StoreException(StoreError.Faulted,
            $"The log ends at {state.End} in the database and at {end} here: it lost what was not yet durable, or holds what was given up. Open the replica again."));

    private Task<(long Epoch, long End, Guid? Last)> ReadStateAsync() => database.RunAsync(async (connection, cancellation) =>
    {
        using NpgsqlCommand command = Database.Command(connection,
            "select epoch, log_end, last_append from crdt_member where space = $1 and member = $2", member.SpaceParameter, member.IdParameter);
        using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        if (!await reader.ReadAsync(cancellation).ConfigureAwait(false))
            throw new StoreException(StoreError.NotFound, "The replica's rows are gone from the database.");
        Guid? last = await reader.IsDBNullAsync(2, cancellation).ConfigureAwait(false) ? null : reader.GetGuid(2);
        return (reader.GetInt64(0), reader.GetInt64(1), last);
    }, CancellationToken.None);

    // ---- reading ----

    /// <summary>Reads from a place on, up to the end as it is now.</summary>
    public IEnumerable<LoggedEntry> Read(long from)
    {
        long to = End;
        from = Math.Max(from, Start);
        while (from < to)
        {
            List<LogEntry> recent = tail.Read(from, to, GroupsAtOnce);
            foreach (LogEntry entry in recent) yield return new LoggedEntry(entry, new LogPosition(++from));
            if (recent.Count > 0) continue;
            bool isEmpty = true;
            foreach (Row row in ReadRows(from, to, withPayload: true))
            {
                isEmpty = false;
                from = row.Place + 1;
                yield return new LoggedEntry(row.Entry, new LogPosition(from));
            }
            if (!isEmpty) continue;
            // Dropped meanwhile; otherwise it ought to be there.
            if (Start <= from) throw Damaged(from);
            from = Start;
        }
    }

    /// <summary>A place before which everything is covered.</summary>
    public long FindStart(VersionVector covered)
    {
        List<Dot> beyond = Reach.Beyond(covered);
        if (beyond.Count == 0) return Math.Max(End, Start);
        long? snapshot = Reach.FindSnapshot(vector => !covered.Covers(vector));
        long? position = FirstPosition(beyond);
        long place = position is { } p ? PlaceOf(p) : End;
        return Math.Max(Start, Math.Min(place, snapshot ?? long.MaxValue));
    }

    /// <summary>A place at or before a batch.</summary>
    public long FindStart(ReplicaId author, long sequence)
    {
        if (Reach[author] < sequence) return End;
        long? snapshot = Reach.FindSnapshot(vector => vector[author] >= sequence);
        long? position = FirstPosition([new Dot(author, sequence - 1)]);
        long place = position is { } p ? PlaceOf(p) : snapshot is null ? Start : End;
        return Math.Max(Start, Math.Min(place, snapshot ?? long.MaxValue));
    }

    /// <summary>Drops whole appends before a place, and of the space's entries what nobody needs any more.</summary>
    public async Task PruneAsync(long floor, CancellationToken cancellationToken)
    {
        member.Check();
        if (floor <= Start) return;
        try
        {
            // The append that the floor lies in is kept.
            long kept = database.Read(
                "select place, places from crdt_order where space = $1 and member = $2 and place <= $3 order by place desc limit 1",
                row => row.GetInt64(0) + row.GetInt32(1) is long next && next <= floor ? next : row.GetInt64(0),
                member.SpaceParameter, member.IdParameter, Database.Of(floor)).DefaultIfEmpty(Start).First();
            if (kept <= Start) return;
            Volatile.Write(ref start, kept);
            Reach.Drop(kept);
            await database.ExecuteAsync(
                "update crdt_member set log_start = $4 where space = $1 and member = $2 and epoch = $3 and log_start < $4",
                cancellationToken, member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(kept)).ConfigureAwait(false);
            await database.ExecuteAsync(
                "delete from crdt_order where space = $1 and member = $2 and place < $3",
                cancellationToken, member.SpaceParameter, member.IdParameter, Database.Of(kept)).ConfigureAwait(false);
            while (await DropEntriesAsync(cancellationToken).ConfigureAwait(false))
                cancellationToken.ThrowIfCancellationRequested();
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            throw Database.Failed("Dropping the log's beginning", e);
        }
    }

    // Under the lock of the space's row, as appends are: nobody begins to need an entry meanwhile.
    private Task<bool> DropEntriesAsync(CancellationToken cancellationToken) => database.RunAsync(async (connection, cancellation) =>
    {
        NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            using NpgsqlCommand locking = Database.Command(connection,
                "select first_position from crdt_space where space = $1 for update", member.SpaceParameter);
            long first = (long)(await locking.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
            using NpgsqlCommand bounding = Database.Command(connection,
                """
                select min(least(
                    coalesce((select min(o.low) from crdt_order o where o.space = m.space and o.member = m.member), s.next_position),
                    case when m.fed < 0 or m.seen_at < now() - $2 then s.next_position else m.fed end))
                from crdt_member m join crdt_space s on s.space = m.space where m.space = $1
                """, member.SpaceParameter, Database.Of(Forgotten));
            long bound = (long)(await bounding.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
            long to = Math.Min(bound, first + DroppedAtOnce);
            if (to <= first) return false;
            using NpgsqlBatch batch = connection.CreateBatch();
            batch.BatchCommands.Add(Database.Command(
                "delete from crdt_entry where space = $1 and position < $2", member.SpaceParameter, Database.Of(to)));
            batch.BatchCommands.Add(Database.Command(
                "update crdt_space set first_position = $2 where space = $1", member.SpaceParameter, Database.Of(to)));
            await batch.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
            await transaction.CommitAsync(cancellation).ConfigureAwait(false);
            return to < bound;
        }
    }, cancellationToken);

    private long? FirstPosition(List<Dot> beyond) => database.Read(
        """
        select min(e.position) from unnest($2::uuid[], $3::bigint[]) as w(author, sequence)
            join crdt_entry e on e.space = $1 and e.author = w.author and e.last_sequence > w.sequence and e.kind = 1
        """,
        row => row.IsDBNull(0) ? (long?)null : row.GetInt64(0), member.SpaceParameter,
        Database.Of(beyond.Select(d => d.Replica.Value).ToArray()), Database.Of(beyond.Select(d => d.Sequence).ToArray()))[0];

    // Positions up to an append's top are those of everything before it: nothing of this position lies before the first
    // append that reaches it.
    private long PlaceOf(long position) => database.Read(
        "select place from crdt_order where space = $1 and member = $2 and top >= $3 order by top, place limit 1",
        row => row.GetInt64(0), member.SpaceParameter, member.IdParameter, Database.Of(position)).DefaultIfEmpty(End).First();

    private List<Row> ReadRows(long from, long to, bool withPayload)
    {
        List<(long Place, long Length, long[] Positions)> groups = database.Read(
            """
            select place, length_bytes, positions from crdt_order
            where space = $1 and member = $2 and place < $4
                and place >= coalesce((select max(place) from crdt_order where space = $1 and member = $2 and place <= $3), $3)
            order by place limit $5
            """,
            row => (row.GetInt64(0), row.GetInt64(1), row.GetFieldValue<long[]>(2)),
            member.SpaceParameter, member.IdParameter, Database.Of(from), Database.Of(to), Database.Of(GroupsAtOnce));
        long length = 0;
        int taken = withPayload ? groups.TakeWhile((g, i) => (length += g.Length) <= LengthBytesAtOnce || i == 0).Count() : groups.Count;
        CollectionsMarshal.SetCount(groups, taken);
        long[] positions = [.. groups.SelectMany(g => g.Positions).Distinct()];
        Dictionary<long, LogEntry> entries = database.Read(
            $"""
            select position, kind, author, first_sequence, last_sequence{(withPayload ? ", payload" : "")} from crdt_entry
            where space = $1 and position = any($2)
            """,
            row => (Position: row.GetInt64(0), Entry: new LogEntry(
                (LogEntryKind)row.GetInt16(1), new ReplicaId(row.GetGuid(2)), row.GetInt64(3), row.GetInt64(4),
                withPayload ? row.GetFieldValue<byte[]>(5) : default(ReadOnlyMemory<byte>))),
            member.SpaceParameter, Database.Of(positions)).ToDictionary(r => r.Position, r => r.Entry);
        var rows = new List<Row>();
        foreach ((long place, long _, long[] at) in groups)
        {
            for (int i = 0; i < at.Length; i++)
            {
                if (place + i < from || place + i >= to) continue;
                if (entries.TryGetValue(at[i], out LogEntry entry)) rows.Add(new Row(place + i, entry));
                else if (place + i >= Start) throw Damaged(place + i);
            }
        }
        return rows;
    }

    private static StoreException Damaged(long place) =>
        new(StoreError.LogDamaged, $"The log's entry {place} is missing from the database.");

    private readonly record struct Row(long Place, LogEntry Entry);

    /// <summary>What is appended at once, made ready to be sent.</summary>
    private sealed class EntryGroup
    {
        private readonly int[] numbers;
        private readonly short[] kinds;
        private readonly Guid[] authors;
        private readonly long[] firsts, lasts;
        private readonly byte[][] digests, payloads;

        public EntryGroup(ReadOnlySpan<LogEntry> entries)
        {
            Entries = entries.ToArray();
            int count = entries.Length;
            (numbers, kinds, authors, firsts, lasts) = (new int[count], new short[count], new Guid[count], new long[count], new long[count]);
            (digests, payloads) = (new byte[count][], new byte[count][]);
            for (int i = 0; i < count; i++)
            {
                LogEntry entry = entries[i];
                (numbers[i], kinds[i], authors[i]) = (i, (short)entry.Kind, entry.Author.Value);
                (firsts[i], lasts[i]) = (entry.FirstSequence, entry.LastSequence);
                payloads[i] = MemoryMarshal.TryGetArray(entry.Payload, out ArraySegment<byte> whole) && whole.Array is { } array && array.Length == whole.Count
                    ? array : entry.Payload.ToArray();
                digests[i] = DigestOf(entry.Kind, payloads[i]);
                LengthBytes += payloads[i].Length;
                if (entry.Kind == LogEntryKind.Identity) NewWriter = entry.Author.Value;
            }
        }

        public Guid Id { get; } = Guid.NewGuid();

        public LogEntry[] Entries { get; }

        public long LengthBytes { get; }

        public Guid? NewWriter { get; }

        public IEnumerable<NpgsqlParameter> Parameters(bool withPayload)
        {
            yield return Database.Of(numbers);
            yield return Database.Of(kinds);
            yield return Database.Of(authors);
            yield return Database.Of(firsts);
            yield return Database.Of(lasts);
            yield return Database.Of(digests);
            if (withPayload) yield return Database.Of(payloads);
        }
    }
}
