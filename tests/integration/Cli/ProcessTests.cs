using System.Diagnostics;
using System.Text.Json;

namespace Crdt.Integration.Cli;

/// <summary>The tool as users run it: processes, signals, files, sockets.</summary>
public sealed class ProcessTests : CliTest
{
    private static readonly string Strikes = Path.Combine(AppContext.BaseDirectory, "data", "birdstrikes.csv");

    [Fact]
    public async Task Two_devices_and_a_server_converge_as_processes_and_the_server_ends_by_sigterm()
    {
        await InitAsync("a", "b", "server");
        await Task.WhenAll(
            SucceedAsync("a", "import", Strikes, "--domain", "incident", "--type", "strike", "--from", "1", "--count",
                "600"),
            SucceedAsync("b", "import", Strikes, "--domain", "incident", "--type", "strike", "--from", "401",
                "--count", "600"));
        using Process server = Start("server", "serve", "--plain");
        string address = await AddressOfAsync(server);
        await Task.WhenAll(SucceedAsync("a", "sync", "--plain", address), SucceedAsync("b", "sync", "--plain", address));
        await Task.WhenAll(SucceedAsync("a", "sync", "--plain", address), SucceedAsync("b", "sync", "--plain", address));
        using (Process.Start("kill", ["-TERM", $"{server.Id}"])) await EndAsync(server);
        Assert.Equal(0, server.ExitCode);

        JsonElement a = await StatusAsync("a"), b = await StatusAsync("b"), s = await StatusAsync("server");
        Assert.Equal(1000, a.GetProperty("entities").GetInt64());
        Assert.Equal(a.GetProperty("digest").GetString(), b.GetProperty("digest").GetString());
        Assert.Equal(a.GetProperty("digest").GetString(), s.GetProperty("digest").GetString());
        Assert.Equal(0, a.GetProperty("pending").GetInt64());
        Assert.Equal((await RunAsync("a", "export")).Output, (await RunAsync("server", "export")).Output);
    }

    [Fact]
    public async Task A_server_killed_in_the_middle_of_a_transfer_goes_on_from_where_it_was()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "import", Strikes, "--domain", "incident", "--type", "strike", "--count", "5000");
        using (Process server = Start("server", "serve", "--plain"))
        {
            string address = await AddressOfAsync(server);
            Task<CliResult> sync = RunAsync("a", "sync", "--plain", address);
            // Killed while runs arrive: as soon as the server's log has grown.
            string log = Path.Combine(PathOf("server"), "log");
            long before = LengthOf(log);
            using var patience = new CancellationTokenSource(Patience);
            while (LengthOf(log) == before && !sync.IsCompleted) await Task.Delay(1, patience.Token);
            server.Kill();
            await EndAsync(server);
            CliResult result = await sync;
            Assert.True(result.ExitCode is 4 or 0, result.Error);
        }
        using (Process server = Start("server", "serve", "--plain"))
        {
            await SucceedAsync("a", "sync", "--plain", await AddressOfAsync(server));
            server.Kill();
            await EndAsync(server);
        }
        JsonElement a = await StatusAsync("a"), s = await StatusAsync("server");
        Assert.Equal(5_000, s.GetProperty("entities").GetInt64());
        Assert.Equal(a.GetProperty("digest").GetString(), s.GetProperty("digest").GetString());
        Assert.Equal(0, a.GetProperty("pending").GetInt64());
    }

    [Fact]
    public async Task An_import_that_is_killed_loses_nothing_that_it_wrote_and_is_finished_by_the_next()
    {
        await InitAsync("a");
        string log = Path.Combine(PathOf("a"), "log");
        long before = LengthOf(log);
        using (Process import = Start("a", "import", Strikes, "--domain", "incident", "--type", "strike"))
        {
            using var patience = new CancellationTokenSource(Patience);
            while (LengthOf(log) == before && !import.HasExited) await Task.Delay(1, patience.Token);
            import.Kill();
            await EndAsync(import);
        }
        long kept = (await StatusAsync("a")).GetProperty("entities").GetInt64();
        Assert.Equal(0, kept % 200);
        JsonElement rest = (await OkAsync("a", "--json", "import", Strikes, "--domain", "incident", "--type",
            "strike")).Json;
        Assert.Equal(kept, rest.GetProperty("unchanged").GetInt64());
        Assert.Equal(10_000 - kept, rest.GetProperty("created").GetInt64());
    }

    [Fact]
    public async Task The_process_gives_the_exit_code_and_keeps_results_and_errors_apart()
    {
        await InitAsync("a");
        using Process get = Start("a", "get", "a/b/c");
        Assert.Equal("", await get.StandardOutput.ReadToEndAsync());
        Assert.StartsWith("crdt: a/b/c does not exist.", await get.StandardError.ReadToEndAsync());
        await EndAsync(get);
        Assert.Equal(3, get.ExitCode);
    }

    [Fact]
    public async Task Why_tells_in_one_line_of_json_what_a_change_waits_for()
    {
        await InitAsync("a");
        await SucceedAsync("a", "put", "incident/strike/1", "x=1");
        using Process sync = Start("a", "sync", "--plain", "127.0.0.1:1");
        await EndAsync(sync);
        Assert.Equal(4, sync.ExitCode);
        using Process why = Start("a", "--json", "why", "incident/strike/1");
        string output = await why.StandardOutput.ReadToEndAsync();
        await EndAsync(why);
        Assert.Equal(0, why.ExitCode);
        JsonElement told = JsonDocument.Parse(output).RootElement;
        Assert.Equal("peerUnreachable", told.GetProperty("code").GetString());
        Assert.Equal("127.0.0.1:1", told.GetProperty("peer").GetProperty("peer").GetString());
        Assert.False(string.IsNullOrEmpty(told.GetProperty("next").GetString()));
        Assert.True(told.TryGetProperty("since", out _));
    }

    private Process Start(string data, params string[] args) => CrdtProcess.Start(PathOf(data), args);

    private async Task SucceedAsync(string data, params string[] args)
    {
        using Process process = Start(data, args);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await EndAsync(process);
        Assert.True(process.ExitCode == 0,
            $"{string.Join(' ', args)}: {process.ExitCode}\n{await output}\n{await error}");
    }

    private static Task<string> AddressOfAsync(Process server) => CrdtProcess.AddressOfAsync(server);

    private static async Task EndAsync(Process process)
    {
        using var patience = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(patience.Token);
    }

    private static long LengthOf(string directory) =>
        new DirectoryInfo(directory).EnumerateFiles("*.seg").Sum(file => file.Length);
}
