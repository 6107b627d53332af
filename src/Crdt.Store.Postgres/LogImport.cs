using Npgsql;
using NpgsqlTypes;

namespace Crdt.Store.Postgres;

/// <summary>Brings a replica's log from another store into the database, as it is.</summary>
internal static class LogImport
{
    private const int EntriesPerAppend = 1_000;

    /// <summary>Copies a log. Positions begin at 0: what refers to positions is renamed, and what cannot be is refused.</summary>
    public static async Task RunAsync(IReplicaStore from, PostgresReplicaStore to, CancellationToken cancellationToken)
    {
        if (from.LogStart > default(LogPosition)) throw Refused("its log's beginning was dropped");
        // A first pass, so that nothing is written of what cannot be.
        foreach (LoggedEntry logged in from.ReadLog(default))
        {
            if (logged.Entry.Kind is LogEntryKind.Floor or LogEntryKind.Parting or LogEntryKind.Aside)
                throw Refused($"its log holds an entry of kind {logged.Entry.Kind}, which names places in it");
        }
        IEnumerable<LogEntry> entries = Renamed(from);
        if (to.LogEnd > default(LogPosition)) entries = Rest(entries, to);
        else if (await TryCopyAsync(entries, to, cancellationToken).ConfigureAwait(false)) return;
        foreach (LogEntry[] group in entries.Chunk(EntriesPerAppend))
            await to.AppendAsync(group, isDurable: true, cancellationToken).ConfigureAwait(false);
    }

    // What was brought before an interruption is there already.
    private static IEnumerable<LogEntry> Rest(IEnumerable<LogEntry> entries, PostgresReplicaStore to)
    {
        LogEntry last = to.ReadLog(new LogPosition(to.LogEnd.Value - 1)).Single().Entry;
        if (entries.ElementAtOrDefault((int)to.LogEnd.Value - 1) is not { Kind: > 0 } same || (same with { Payload = default }) != (last with { Payload = default })
            || !same.Payload.Span.SequenceEqual(last.Payload.Span))
        {
            throw new StoreException(StoreError.AlreadyExists, $"The database holds another log of replica {to.Identity.Replica} already, or more of it.");
        }
        return entries.Skip((int)to.LogEnd.Value);
    }

    private static IEnumerable<LogEntry> Renamed(IReplicaStore from)
    {
        // Where chunks begin, as the snapshots name it.
        var places = new Dictionary<long, long>();
        long place = 0;
        LogPosition at = default;
        foreach (LoggedEntry logged in from.ReadLog(default))
        {
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.SnapshotChunk) places[at.Value] = place;
            if (entry.Kind == LogEntryKind.Snapshot)
            {
                long chunks = entry.FirstSequence;
                entry = entry with { FirstSequence = places.Where(p => p.Key >= chunks).OrderBy(p => p.Key).Select(p => p.Value).FirstOrDefault(place) };
            }
            yield return entry;
            place++;
            at = logged.Next;
        }
    }

    // Where the space has nothing yet there is nothing to meet: straight into the tables.
    private static async Task<bool> TryCopyAsync(IEnumerable<LogEntry> entries, PostgresReplicaStore to, CancellationToken cancellationToken)
    {
        Member member = to.Member;
        var groups = new List<(int Count, long LengthBytes)>();
        NpgsqlConnection connection = await member.Database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                using NpgsqlCommand locking = Database.Command(connection,
                    "select next_position from crdt_space where space = $1 for update", member.SpaceParameter);
                if ((long)(await locking.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))! > 0) return false;
                long position = await CopyEntriesAsync(connection, entries, member.Space, groups, cancellationToken).ConfigureAwait(false);
                await CopyOrderAsync(connection, groups, member, cancellationToken).ConfigureAwait(false);
                using NpgsqlBatch batch = connection.CreateBatch();
                batch.BatchCommands.Add(Database.Command(
                    "update crdt_space set next_position = $2 where space = $1", member.SpaceParameter, Database.Of(position)));
                batch.BatchCommands.Add(Database.Command(
                    "update crdt_member set log_end = $4 where space = $1 and member = $2 and epoch = $3",
                    member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(position)));
                await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                if (batch.BatchCommands[1].RecordsAffected == 0) throw member.TakenOver();
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                return true;
            }
        }
    }

    private static async Task<long> CopyEntriesAsync(
        NpgsqlConnection connection, IEnumerable<LogEntry> entries, Guid space, List<(int Count, long LengthBytes)> groups,
        CancellationToken cancellationToken)
    {
        long position = 0;
        NpgsqlBinaryImporter import = await connection.BeginBinaryImportAsync(
            "copy crdt_entry (space, position, kind, author, first_sequence, last_sequence, digest, payload) from stdin (format binary)",
            cancellationToken).ConfigureAwait(false);
        await using (import.ConfigureAwait(false))
        {
            foreach (LogEntry entry in entries)
            {
                byte[] payload = entry.Payload.ToArray();
                await import.StartRowAsync(cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(space, NpgsqlDbType.Uuid, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(position, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync((short)entry.Kind, NpgsqlDbType.Smallint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(entry.Author.Value, NpgsqlDbType.Uuid, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(entry.FirstSequence, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(entry.LastSequence, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(MemberLog.DigestOf(entry.Kind, payload), NpgsqlDbType.Bytea, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(payload, NpgsqlDbType.Bytea, cancellationToken).ConfigureAwait(false);
                if (position++ % EntriesPerAppend == 0) groups.Add((0, 0));
                groups[^1] = (groups[^1].Count + 1, groups[^1].LengthBytes + payload.Length);
            }
            await import.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        return position;
    }

    private static async Task CopyOrderAsync(
        NpgsqlConnection connection, List<(int Count, long LengthBytes)> groups, Member member, CancellationToken cancellationToken)
    {
        NpgsqlBinaryImporter import = await connection.BeginBinaryImportAsync(
            "copy crdt_order (space, member, place, places, top, low, length_bytes, positions) from stdin (format binary)",
            cancellationToken).ConfigureAwait(false);
        await using (import.ConfigureAwait(false))
        {
            long place = 0;
            foreach ((int count, long length) in groups)
            {
                await import.StartRowAsync(cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(member.Space, NpgsqlDbType.Uuid, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(member.Id, NpgsqlDbType.Uuid, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(place, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(count, NpgsqlDbType.Integer, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(place + count - 1, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(place, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await import.WriteAsync(length, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                long[] positions = new long[count];
                for (int i = 0; i < count; i++) positions[i] = place + i;
                await import.WriteAsync(positions, NpgsqlDbType.Array | NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                place += count;
            }
            await import.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static InvalidOperationException Refused(string why) =>
        new($"The replica cannot be brought into the database: {why}. Pair a new one instead, and let it take over by a session.");
}
