namespace Crdt.Bench.LoadRuns;

/// <summary>How large a load run is. All of it stays on this machine.</summary>
internal sealed record LoadOptions
{
    /// <summary>The server's program, <c>crdt-server.dll</c>.</summary>
    public required string Program { get; init; }

    /// <summary>Where everybody's files are; there must be nothing.</summary>
    public required string Directory { get; init; }

    public int Servers { get; init; } = 2;

    /// <summary>Clients without a replica: each sends a mutation by GraphQL, waits for the answer, and sends the next.</summary>
    public int ThinClients { get; init; } = 4;

    /// <summary>Devices with a replica on disk and a session with a server.</summary>
    public int FullClients { get; init; } = 4;

    /// <summary>Mutations that a device has made and of which it has not heard that a server holds them; beyond that it waits.</summary>
    public int Window { get; init; } = 4;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A server is killed so often, in turn; zero for never.</summary>
    public TimeSpan KillEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The run goes on until servers were killed so often.</summary>
    public int KillsMin { get; init; }

    public int Seed { get; init; } = 1;
}
