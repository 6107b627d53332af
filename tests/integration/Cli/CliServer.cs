using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Crdt.Cli;

namespace Crdt.Integration.Cli;

/// <summary><c>crdt serve</c> in this process.</summary>
public sealed class CliServer : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly LineWriter output = new();
    private readonly StringWriter error = new();
    private readonly Task<int> run;
    private bool isCancelled;

    private CliServer(string[] args, Stream? input) =>
        run = Task.Run(() => CrdtCommand.RunAsync(args, output, error, input, stop.Token));

    public IPEndPoint EndPoint { get; private set; } = new(IPAddress.None, 0);

    /// <summary>The first line that it printed.</summary>
    public JsonElement First { get; private set; }

    /// <summary>Completes with its exit code when it ends by itself.</summary>
    public Task<int> Completion => run;

    public static async Task<CliServer> StartAsync(string[] args, Stream? input = null)
    {
        var server = new CliServer(args, input);
        Task<JsonElement> first = server.NextAsync();
        if (await Task.WhenAny(first, server.run) != first) Assert.Fail($"It ended with {await server.run}: {server.error}");
        server.First = await first;
        server.EndPoint = IPEndPoint.Parse(server.First.GetProperty("listening").GetString()!);
        return server;
    }

    /// <summary>The next line that it prints.</summary>
    public async Task<JsonElement> NextAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        string line = await output.Lines.ReadAsync(patience.Token);
        return JsonDocument.Parse(line).RootElement;
    }

    /// <summary>Stops it as SIGTERM would; its exit code.</summary>
    public async Task<int> StopAsync()
    {
        await stop.CancelAsync();
        return await run;
    }

    /// <summary>Stops what ends with another exit code than 0 then.</summary>
    public async Task CancelAsync()
    {
        isCancelled = true;
        await StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        int exitCode = await StopAsync();
        if (!isCancelled) Assert.Equal(0, exitCode);
        stop.Dispose();
        await output.DisposeAsync();
        await error.DisposeAsync();
    }

    private sealed class LineWriter : TextWriter
    {
        private readonly Channel<string> lines = Channel.CreateUnbounded<string>();
        private readonly StringBuilder line = new();

        public ChannelReader<string> Lines => lines.Reader;

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
        {
            lock (line)
            {
                if (value is not '\n')
                {
                    line.Append(value);
                    return;
                }
                lines.Writer.TryWrite(line.ToString());
                line.Clear();
            }
        }
    }
}
