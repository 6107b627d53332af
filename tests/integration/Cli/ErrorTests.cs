namespace Crdt.Integration.Cli;

public sealed class ErrorTests : CliTest
{
    [Theory]
    [InlineData("get", "a/b")]
    [InlineData("get")]
    [InlineData("frobnicate")]
    [InlineData("query", "incident")]
    [InlineData("query", "incident/strike", "--limit", "many")]
    [InlineData("query", "incident/strike", "--where", "species")]
    [InlineData("log", "--status", "lost")]
    [InlineData("log", "--kind", "1")]
    [InlineData("sync", "--plain", "nowhere")]
    [InlineData("sync", "--plain", "127.0.0.1:1", "--timeout", "0")]
    [InlineData("serve", "--listen", "here")]
    [InlineData("import", "x.csv")]
    [InlineData("import", "no-such-file.csv", "--domain", "d", "--type", "t")]
    [InlineData("import", "x.csv", "--domain", "d", "--type", "t", "--shard", "4/3")]
    [InlineData("import", "x.csv", "--domain", "d", "--type", "t", "--types", "x=color")]
    [InlineData("import", "x.csv", "--domain", "$space", "--type", "t")]
    [InlineData("put", "a/b/c")]
    [InlineData("resolve", "a/b/c", "x")]
    [InlineData("export", "--type", "t")]
    [InlineData("policy")]
    public async Task A_command_line_that_makes_no_sense_is_exit_code_2_and_says_why(params string[] args)
    {
        await InitAsync("a");
        CliResult result = await RunAsync("a", args);
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("crdt: ", result.Error);
        Assert.Empty(result.Output);
        Assert.DoesNotContain("   at ", result.Error);
    }

    [Fact]
    public async Task Nothing_on_the_command_line_shows_the_help()
    {
        CliResult result = await RunAsync([], Stream.Null);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("Commands:", result.Output);
    }

    [Theory]
    [InlineData("get", "a/b/c")]
    [InlineData("status")]
    [InlineData("serve")]
    [InlineData("sync", "--plain", "127.0.0.1:1")]
    public async Task Without_a_replica_the_way_to_one_is_told(params string[] args) =>
        (await RunAsync("none", args)).Failed(5, "'crdt init' makes one");

    [Fact]
    public async Task Errors_are_json_where_results_are()
    {
        CliResult result = await RunAsync("none", "--json", "status");
        Assert.Equal(5, result.ExitCode);
        Assert.Empty(result.Output);
        System.Text.Json.JsonElement error = System.Text.Json.JsonDocument.Parse(result.Error).RootElement;
        Assert.Equal("store", error.GetProperty("error").GetString());
        Assert.Equal(5, error.GetProperty("exit_code").GetInt32());
        Assert.Contains("no replica", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_replica_in_use_is_said_to_be_and_is_free_again_afterwards()
    {
        await InitAsync("a");
        await using (CliServer server = await ServeAsync("a"))
            (await RunAsync("a", "get", "a/b/c")).Failed(5, "in use by another process");
        (await RunAsync("a", "get", "a/b/c")).Failed(3, "does not exist");
    }

    [Fact]
    public async Task A_damaged_log_is_a_fault_of_the_store_and_the_way_out_is_told()
    {
        await InitAsync("a");
        await OkAsync("a", "put", "a/b/c", "x=1");
        string segment = Directory.GetFiles(Path.Combine(PathOf("a"), "log"), "*.seg").Single();
        byte[] bytes = File.ReadAllBytes(segment);
        bytes[40] ^= 0xFF;
        File.WriteAllBytes(segment, bytes);
        CliResult result = await RunAsync("a", "get", "a/b/c");
        Assert.Equal(5, result.ExitCode);
        Assert.DoesNotContain("Unexpected", result.Error);
    }

    [Fact]
    public async Task A_failed_command_leaves_the_replica_free()
    {
        await InitAsync("a");
        (await RunAsync("a", "put", "a/b/c", "--delete")).Failed(3, "does not exist");
        (await RunAsync("a", "sync", "--plain", "127.0.0.1:1")).Failed(4, "cannot be reached");
        await OkAsync("a", "put", "a/b/c", "x=1");
    }

    [Fact]
    public async Task Who_writes_needs_a_name_of_at_most_255_bytes()
    {
        await InitAsync("a");
        (await RunAsync("a", "put", "a/b/c", "x=1", "--user", new string('u', 256))).Failed(2, "--user");
        (await RunAsync("a", "put", $"a/b/{new string('i', 256)}", "x=1")).Failed(2, "is not an entity");
    }
}
