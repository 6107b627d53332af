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
    private readonly Task<int> run;

    private CliServer(string[] args) =>
        run = Task.Run(() => CrdtCommand.RunAsync(args, output, output, cancellation: stop.Token));

    public IPEndPoint EndPoint { get; private set; } = new(IPAddress.None, 0);

    public static async Task<CliServer> StartAsync(string[] args)
    {
        var server = new CliServer(args);
        JsonElement first = await server.NextAsync();
        server.EndPoint = IPEndPoint.Parse(first.GetProperty("listening").GetString()!);
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

    public async ValueTask DisposeAsync()
    {
        Assert.Equal(0, await StopAsync());
        stop.Dispose();
        await output.DisposeAsync();
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
