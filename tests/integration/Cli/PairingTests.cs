using System.Text.Json;
using Crdt.Store;

namespace Crdt.Integration.Cli;

/// <summary>From an empty directory to a device of the space, and out of it again, as people do it.</summary>
public sealed class PairingTests : CliTest
{
    [Fact]
    public async Task An_invited_device_gets_its_copy_and_syncs_encrypted_until_it_is_revoked()
    {
        await OkAsync("office", "init", "--space", "field", "--user", "ann");
        await OkAsync("office", "put", "a/b/1", "x=1");
        JsonElement joined = await JoinAsync("office", "tablet", "--owner", "ben");
        Assert.Equal(("field", "client", "ben"), (joined.GetProperty("name").GetString(),
            joined.GetProperty("role").GetString(), joined.GetProperty("owner").GetString()));
        Assert.Contains("\"x\":1", (await OkAsync("tablet", "--json", "get", "a/b/1")).Output);

        await OkAsync("tablet", "put", "a/b/2", "x=2");
        await using (CliServer office = await BeginAsync("office", ["serve"]))
            Assert.Equal(2, (await OkAsync("tablet", "--json", "sync", office.EndPoint.ToString())).Json.GetProperty("mutations_sent").GetInt64());
        JsonElement[] devices = [.. (await OkAsync("office", "--json", "device", "list")).JsonLines];
        Assert.Equal(["active", "here"], devices.Select(d => d.GetProperty("state").GetString()).Order());
        Assert.Equal(["ann", "ben"], devices.Select(d => d.GetProperty("owner").GetString()).Order());

        string id = joined.GetProperty("replica").GetString()!;
        Assert.Contains("2 mutations of it count", (await OkAsync("office", "device", "revoke", id[..8])).Output);
        await using (CliServer office = await BeginAsync("office", ["serve"]))
        {
            (await RunAsync("tablet", "sync", office.EndPoint.ToString())).Failed(4, "revoked");
            Assert.Equal("keyRevoked", (await office.NextAsync()).GetProperty("error").GetString());
        }
        Assert.Contains("revoked", (await OkAsync("office", "device", "list")).Output);
    }

    [Fact]
    public async Task A_device_is_let_in_while_the_server_runs_and_by_a_file()
    {
        await OkAsync("office", "space", "create", "--space", "field");
        await using CliServer office = await BeginAsync("office", ["serve"]);
        string file = PathOf("invitation");
        JsonElement invited = (await OkAsync("office", "--json", "pair", "--out", file, "--role", "server")).Json;
        Assert.True(invited.GetProperty("served").GetBoolean());
        Assert.Equal("server", (await RunAsync("branch", "--json", "join", file)).Succeeded().JsonLines[0].GetProperty("role").GetString());
        Assert.Equal("paired", (await office.NextAsync()).GetProperty("event").GetString());
        (await RunAsync("thief", "join", file)).Failed(4, "by another device");
        (await RunAsync("office", "pair", "--out", file)).Failed(6, "exists already");
    }

    [Fact]
    public async Task Two_people_compare_a_code()
    {
        await OkAsync("office", "init", "--space", "field");
        await using (CliServer office = await BeginAsync("office", ["pair", "--code", "--no-discovery", "--listen", "127.0.0.1:0"], "y\n"))
        {
            CliResult joined = (await RunWithInputAsync(
                "tablet", "y\n", "--json", "join", "--code", "--name", "tablet 7", office.EndPoint.ToString())).Succeeded();
            JsonElement here = await office.NextAsync();
            Assert.Equal("tablet 7", here.GetProperty("device").GetString());
            Assert.Equal(here.GetProperty("code").GetString(), joined.JsonLines[0].GetProperty("code").GetString());
            Assert.Equal(0, await office.Completion.WaitAsync(Patience));
        }
        await using CliServer again = await BeginAsync("office", ["pair", "--code", "--no-discovery", "--listen", "127.0.0.1:0"], "n\n");
        (await RunWithInputAsync("other", "y\n", "join", "--code", again.EndPoint.ToString())).Failed(4, "did not confirm");
        await again.CancelAsync();
        Assert.False(FileReplicaStore.Exists(PathOf("other")));
    }

    [Fact]
    public async Task What_needs_keys_says_so_where_there_are_none()
    {
        await InitAsync("open");
        (await RunAsync("open", "serve")).Failed(6, "--plain");
        (await RunAsync("open", "sync", "127.0.0.1:1")).Failed(6, "--plain");
        (await RunAsync("open", "pair")).Failed(6, "authority");
        Assert.Contains("open", (await OkAsync("open", "space", "show")).Output);
        await OkAsync("office", "init");
        (await RunAsync("b", "init", "--join", Path.Combine(PathOf("office"), "invite.crdt"))).Failed(6, "crdt pair");
        await JoinAsync("office", "tablet");
        (await RunAsync("tablet", "pair")).Failed(6, "authority");
        (await RunAsync("tablet", "device", "revoke", (await StatusAsync("office")).GetProperty("replica").GetString()!)).Failed(6, "server");
        (await RunAsync("office", "device", "retire", "no-such")).Failed(3, "device list");
        (await RunAsync("c", "join", "crdt-pair:1?id=x")).Failed(2, "not an invitation");
        (await RunAsync("c", "join", "no-such-file")).Failed(2, "no file");
        (await RunAsync("c", "join")).Failed(2, "missing");
        (await RunAsync("tablet", "join", "crdt-pair:1?")).Failed(6, "already");
        Assert.True((await OkAsync("office", "--json", "space", "show")).Json.GetProperty("can_enrol").GetBoolean());
        Assert.False((await OkAsync("tablet", "--json", "space", "show")).Json.GetProperty("can_enrol").GetBoolean());
    }

    [Fact]
    public async Task A_key_that_others_may_read_is_not_used()
    {
        if (OperatingSystem.IsWindows()) return;
        await OkAsync("office", "init");
        string key = NodeKeyFile.PathIn(PathOf("office"));
        File.SetUnixFileMode(key, File.GetUnixFileMode(key) | UnixFileMode.OtherRead);
        (await RunAsync("office", "status")).Failed(5, "600");
    }

    [Fact]
    public async Task A_join_that_was_interrupted_behind_the_pairing_is_finished_by_running_it_again()
    {
        await OkAsync("office", "init", "--space", "field");
        await using CliServer office = await BeginAsync("office", ["serve"]);
        string invitation = (await OkAsync("office", "--json", "pair")).Json.GetProperty("invitation").GetString()!;
        await OkAsync("tablet", "join", invitation);
        // As if it had been killed before its replica was made: what it had by then are its key and the id it asked for.
        string id = (await StatusAsync("tablet")).GetProperty("replica").GetString()!;
        string keys = Path.GetDirectoryName(NodeKeyFile.PathIn(PathOf("tablet")))!;
        Directory.CreateDirectory(PathOf("again"));
        Directory.Move(keys, Path.Combine(PathOf("again"), "keys"));
        File.WriteAllText(Path.Combine(PathOf("again"), "keys", "joining"), id);
        await OkAsync("again", "join", invitation);
        Assert.Equal(id, (await StatusAsync("again")).GetProperty("replica").GetString());
    }

    private async Task<JsonElement> JoinAsync(string office, string device, params string[] args)
    {
        await using CliServer pairing = await BeginAsync(office, ["pair", "--listen", "127.0.0.1:0", .. args]);
        string invitation = pairing.First.GetProperty("invitation").GetString()!;
        CliResult joined = (await RunAsync(device, "--json", "join", invitation)).Succeeded();
        Assert.Equal(0, await pairing.Completion.WaitAsync(Patience));
        return joined.JsonLines[0];
    }
}
