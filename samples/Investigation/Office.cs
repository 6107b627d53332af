using System.Diagnostics;
using System.Net;

namespace Investigation;

/// <summary>The server peer at the office, as a process of its own.</summary>
internal sealed class Office : IAsyncDisposable
{
    private readonly Process process;

    private Office(Process process, IPEndPoint peers, string address) => (this.process, Peers, Address) = (process, peers, address);

    /// <summary>Where devices replicate.</summary>
    public IPEndPoint Peers { get; }

    /// <summary>Where GraphQL is answered, and the page is.</summary>
    public string Address { get; }

    /// <summary>Starts it: it founds the space at its first start.</summary>
    public static async Task<Office> StartAsync(string data)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] line =
        [
            Path.Combine(AppContext.BaseDirectory, "server", "crdt-server.dll"), "--data", data, "--space", "harbour office", "--dev",
            "--http", "http://127.0.0.1:0", "--listen", "127.0.0.1:0", "--stop-with-input", "--Logging:LogLevel:Default=Warning",
            // Devices show their users' tokens, and each mutation is judged by its own user's grants.
            "--Crdt:Access:SessionsNeedToken=true",
            "--Crdt:Access:Roles:detective=offline:read offline:write:investigation",
            "--Crdt:Access:Roles:analyst=offline:read offline:write:investigation:evidence",
        ];
        Process process = Process.Start(new ProcessStartInfo(dotnet, line) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        IPEndPoint? peers = null;
        while (await process.StandardOutput.ReadLineAsync() is { } said)
        {
            if (said.StartsWith("listening ", StringComparison.Ordinal)) peers = IPEndPoint.Parse(said["listening ".Length..]);
            if (said.StartsWith("http ", StringComparison.Ordinal)) return new Office(process, peers!, said["http ".Length..]);
        }
        throw new InvestigationException("The server did not start.");
    }

    public async ValueTask DisposeAsync()
    {
        // The end of its input asks it to stop.
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
