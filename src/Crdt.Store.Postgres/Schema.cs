using System.Globalization;
using Npgsql;

namespace Crdt.Store.Postgres;

/// <summary>The tables, and how they came to be: one step for each version, each in a transaction of its own.</summary>
/// <remarks>Only what distributed engines take, too (docs/scale.md): every key begins with the space, there are no sequences,
/// triggers, advisory locks nor foreign keys, and every statement names its space.</remarks>
internal static class Schema
{
    // Several processes may begin at once: who comes second finds the version taken, and looks again.
    private const int AttemptsMax = 20;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Steps =
    [
        """
        create table crdt_space (
            space uuid primary key,
            id bytea not null,
            next_position bigint not null,
            first_position bigint not null,
            created_at timestamptz not null default now());

        create table crdt_member (
            space uuid not null,
            member uuid not null,
            role smallint not null,
            writer uuid not null,
            epoch bigint not null,
            holder uuid,
            held_until timestamptz not null,
            seen_at timestamptz not null default now(),
            log_start bigint not null,
            log_end bigint not null,
            last_append uuid,
            fed bigint not null,
            primary key (space, member));

        create table crdt_entry (
            space uuid not null,
            position bigint not null,
            kind smallint not null,
            author uuid not null,
            first_sequence bigint not null,
            last_sequence bigint not null,
            digest bytea not null,
            arrived_at timestamptz not null default now(),
            payload bytea not null,
            primary key (space, position));
        create unique index crdt_entry_content
            on crdt_entry (space, author, last_sequence, kind, first_sequence, digest);

        create table crdt_order (
            space uuid not null,
            member uuid not null,
            place bigint not null,
            places int not null,
            top bigint not null,
            low bigint not null,
            length_bytes bigint not null,
            positions bigint[] not null,
            primary key (space, member, place));
        create index crdt_order_top on crdt_order (space, member, top, place);
        create index crdt_order_low on crdt_order (space, member, low);

        create table crdt_projection (
            space uuid not null,
            member uuid not null,
            epoch bigint not null,
            projected_to bigint not null,
            zoned_to bigint not null,
            reach_to bigint not null,
            checkpoint bytea not null,
            reach bytea not null,
            primary key (space, member));

        create table crdt_register (
            space uuid not null,
            member uuid not null,
            key bytea not null,
            marks smallint not null,
            document_hash bigint,
            state bytea not null,
            primary key (space, member, key));
        create index crdt_register_marked on crdt_register (space, member, key) where marks <> 0;

        create table crdt_document (
            space uuid not null,
            key bytea not null,
            domain text not null,
            type text not null,
            id text not null,
            document jsonb,
            kinds jsonb,
            hash bigint not null,
            updated_at timestamptz,
            member uuid not null,
            fed bigint not null,
            primary key (space, key));
        create index crdt_document_id on crdt_document (space, domain, type, id);
        create index crdt_document_fields on crdt_document using gin (document jsonb_path_ops);

        create table crdt_zone (
            space uuid not null,
            member uuid not null,
            zone_to bigint not null,
            zone_from bigint not null,
            content bytea not null,
            primary key (space, member, zone_to));

        create table crdt_index (
            space uuid not null,
            member uuid not null,
            number int not null,
            domain bytea not null,
            type bytea not null,
            field bytea not null,
            primary key (space, member, number));

        create table crdt_index_key (
            space uuid not null,
            member uuid not null,
            key bytea not null,
            number int not null,
            value bytea not null,
            primary key (space, member, key, number));
        create index crdt_index_key_value on crdt_index_key (space, member, number, value);
        """,
    ];

    /// <summary>Makes the tables, or brings them to this version.</summary>
    /// <exception cref="StoreException">They are of a later one.</exception>
    public static async Task EnsureAsync(Database database, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await database.RunAsync(EnsureAsync, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (PostgresException e) when (attempt < AttemptsMax && e.SqlState
                is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DuplicateObject)
            {
                await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task<int> EnsureAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            "create table if not exists crdt_schema (version int primary key, applied_at timestamptz not null default now())")
            .ConfigureAwait(false);
        using var reading = new NpgsqlCommand("select coalesce(max(version), 0) from crdt_schema", connection);
        int held = Convert.ToInt32(await reading.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false), CultureInfo.InvariantCulture);
        if (held > Steps.Length) throw StoreException.Unsupported("The database", held, Steps.Length);
        for (; held < Steps.Length; held++)
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                using var taking = new NpgsqlCommand("insert into crdt_schema (version) values ($1)", connection, transaction);
                taking.Parameters.Add(new NpgsqlParameter<int> { TypedValue = held + 1 });
                await taking.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                await ExecuteAsync(Steps[held]).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        return held;

        async Task ExecuteAsync(string sql)
        {
            using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
