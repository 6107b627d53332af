using System.Net;
using System.Text;
using System.Text.Json;
using Crdt.Cli;

namespace Crdt.Integration.Cli;

/// <summary>Runs command lines in this process, on replicas in a directory of the test's own.</summary>
public abstract class CliTest : IDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    protected string Root { get; } = Directory.CreateTempSubdirectory("crdt-cli-").FullName;

    public void Dispose()
    {
        Directory.Delete(Root, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected string PathOf(string name) => Path.Combine(Root, name);

    /// <summary>Runs a command on the replica <paramref name="data"/>.</summary>
    protected Task<CliResult> RunAsync(string data, params string[] args) =>
        RunAsync(["--data", PathOf(data), .. args], Stream.Null);

    /// <summary>Runs a command that has to succeed.</summary>
    protected async Task<CliResult> OkAsync(string data, params string[] args) =>
        (await RunAsync(data, args)).Succeeded();

    protected Task<CliResult> RunWithInputAsync(string data, string input, params string[] args) =>
        RunAsync(["--data", PathOf(data), .. args], new MemoryStream(Encoding.UTF8.GetBytes(input)));

    protected static async Task<CliResult> RunAsync(string[] args, Stream input)
    {
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        using var patience = new CancellationTokenSource(Patience);
        int exitCode = await CrdtCommand.RunAsync(args, output, error, input, patience.Token);
        return new CliResult(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>A new open space with the replica <paramref name="first"/>, and others that joined it.</summary>
    protected async Task InitAsync(string first, string[] policies, params string[] others)
    {
        await OkAsync(first, ["init", "--open", "--space", "field", .. policies.SelectMany(p => new[] { "--policy", p })]);
        foreach (string other in others)
        {
            string role = other.StartsWith("server", StringComparison.Ordinal) ? "server" : "client";
            (await RunAsync(other, "init", "--join", Path.Combine(PathOf(first), "invite.crdt"), "--role",
                role)).Succeeded();
        }
    }

    protected Task InitAsync(string first, params string[] others) => InitAsync(first, [], others);

    protected string Write(string name, string content)
    {
        File.WriteAllText(PathOf(name), content, new UTF8Encoding(false));
        return PathOf(name);
    }

    /// <summary>Two replicas meet: one serves, the other syncs.</summary>
    protected async Task<CliResult> SyncAsync(string from, string to)
    {
        await using CliServer server = await ServeAsync(to);
        return await OkAsync(from, "--json", "sync", "--plain", server.EndPoint.ToString());
    }

    protected Task<CliServer> ServeAsync(string data, params string[] args) =>
        CliServer.StartAsync(["--data", PathOf(data), "--json", "serve", "--plain", "--no-discovery", .. args]);

    /// <summary>Something that runs beside the test, such as <c>crdt serve</c> with encryption, or <c>crdt pair</c>.</summary>
    protected Task<CliServer> BeginAsync(string data, string[] args, string input = "") =>
        CliServer.StartAsync(["--data", PathOf(data), "--json", .. args], new MemoryStream(Encoding.UTF8.GetBytes(input)));

    protected async Task<JsonElement> StatusAsync(string data) =>
        (await OkAsync(data, "--json", "status")).Json;
}
