using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;

namespace Crdt.Store.Postgres;

/// <summary>Connections to one database; waits for it while it does not answer, and does again what lost against others.</summary>
internal sealed class Database(string connectionString, TimeSpan patience) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly NpgsqlDataSource source = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder(connectionString)
    {
        // Every statement here is one of a few: parsed and planned once for each connection.
        MaxAutoPrepare = 64,
        AutoPrepareMinUsages = 2,
    }.ConnectionString).Build();

    public TimeSpan Patience => patience;

    /// <summary>A parameter of a type that is told by its value's.</summary>
    public static NpgsqlParameter Of<T>(T value) => new NpgsqlParameter<T> { TypedValue = value };

    /// <summary>JSON documents, some of them none.</summary>
    public static NpgsqlParameter OfJson(string?[] values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };

    /// <summary>A command of its statement and parameters, in their order.</summary>
    public static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (NpgsqlParameter parameter in parameters) command.Parameters.Add(parameter);
        return command;
    }

    /// <summary>A command by itself.</summary>
    public static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (NpgsqlParameter parameter in parameters) command.Parameters.Add(parameter);
        return command;
    }

    /// <summary>Whether what failed may be tried again: nothing of it has happened.</summary>
    public static bool IsLostRace(Exception e) => e is PostgresException
    {
        SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected,
    };

    /// <summary>Whether the database was not reached, or ended the connection; what was asked may have happened.</summary>
    public static bool IsUnreached(Exception e) => e is PostgresException server
        ? server.SqlState.StartsWith("57P", StringComparison.Ordinal) || server.SqlState.StartsWith("08", StringComparison.Ordinal)
        : e is NpgsqlException or IOException or TimeoutException;

    /// <summary>Does something that changes nothing when it is done twice.</summary>
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        long since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                    return await work(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (IsLostRace(e) || (IsUnreached(e) && Stopwatch.GetElapsedTime(since) < patience))
            {
                await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One statement that changes nothing when it is done twice.</summary>
    /// <returns>How many rows it was about.</returns>
    public Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) => RunAsync(
        async (connection, cancellation) =>
        {
            using NpgsqlCommand command = Command(connection, sql, [.. parameters.Select(p => p.Clone())]);
            return await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
        }, cancellationToken);

    /// <summary>Reads rows, all of them before it returns.</summary>
    public List<T> Read<T>(string sql, Func<NpgsqlDataReader, T> row, params NpgsqlParameter[] parameters)
    {
        long since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using NpgsqlConnection connection = source.OpenConnection();
                using NpgsqlCommand command = Command(connection, sql, [.. parameters.Select(p => p.Clone())]);
                using NpgsqlDataReader reader = command.ExecuteReader();
                var rows = new List<T>();
                while (reader.Read()) rows.Add(row(reader));
                return rows;
            }
            catch (Exception e) when (IsLostRace(e) || (IsUnreached(e) && Stopwatch.GetElapsedTime(since) < patience))
            {
                Thread.Sleep(Pause);
            }
            catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
            {
                throw Failed("Reading", e, StoreError.ReadFailed);
            }
        }
    }

    /// <summary>A connection of the caller's own.</summary>
    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => source.OpenConnectionAsync(cancellationToken);

    /// <summary>What a failure of the database is to who uses the store.</summary>
    public static StoreException Failed(string action, Exception cause, StoreError error = StoreError.WriteFailed) => cause as StoreException
        ?? new StoreException(
            cause is PostgresException { SqlState: PostgresErrorCodes.DiskFull } ? StoreError.DiskFull : error,
            $"{action} in PostgreSQL failed: {cause.Message}", cause);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => source.DisposeAsync();
}
