using Crdt.Integration.Docs;
using Npgsql;

namespace Crdt.Integration.Postgres;

/// <summary>A throw-away PostgreSQL, as scripts/postgres.sh starts it. Whether PostgreSQL is there is told by
/// <see cref="Program"/>.</summary>
public sealed class PostgresCluster : IAsyncLifetime
{
    /// <summary>What the tests need, for <see cref="ComponentFactAttribute"/>.</summary>
    public const string Program = "pg_ctl";

    private readonly string directory = Path.Combine(Path.GetTempPath(), $"crdt-postgres-{Guid.NewGuid():N}");
    private int databases;
    private string? connection;

    /// <summary>Whether it runs: not where PostgreSQL is missing.</summary>
    public bool IsRunning => connection is not null;

    public async Task InitializeAsync()
    {
        if (Component.Has(Program) || Component.IsRequired) connection = await RunAsync("start");
    }

    public async Task DisposeAsync()
    {
        if (IsRunning) await RunAsync("stop");
    }

    /// <summary>Ends it as a power cut would, and starts it again.</summary>
    public async Task CrashAsync()
    {
        await RunAsync("kill");
        await RunAsync("again");
    }

    /// <summary>Makes an empty database.</summary>
    /// <returns>How to connect to it.</returns>
    public async Task<string> NewDatabaseAsync()
    {
        string name = $"test{Interlocked.Increment(ref databases)}";
        await using var server = new NpgsqlConnection(connection);
        await server.OpenAsync();
        await using var making = new NpgsqlCommand($"create database {name}", server);
        await making.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(connection) { Database = name }.ConnectionString;
    }

    private async Task<string> RunAsync(string command)
    {
        (int exit, string output, string error) = await Component.RunAsync("bash", Path.Combine(RepositoryRoot.Path, "scripts", "postgres.sh"), command, directory);
        Assert.True(exit == 0, $"scripts/postgres.sh {command}: {error}");
        return output.Trim();
    }
}
