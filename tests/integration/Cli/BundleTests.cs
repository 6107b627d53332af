namespace Crdt.Integration.Cli;

public sealed class BundleTests : CliTest
{
    [Fact]
    public async Task A_courier_carries_changes_there_and_the_acknowledgement_back()
    {
        await InitAsync("device", "server");
        await OkAsync("device", "put", "incident/strike/1", "x=1");
        string there = PathOf("there.bundle"), back = PathOf("back.bundle");
        string id = (await StatusAsync("device")).GetProperty("replica").GetString()!;

        var exported = (await OkAsync("device", "--json", "bundle", "export", there)).Json;
        Assert.True(exported.GetProperty("mutations").GetInt64() >= 1);
        Assert.Contains("anybody", (await OkAsync("nowhere", "bundle", "show", there)).Output);
        Assert.True((await OkAsync("server", "--json", "bundle", "import", there)).Json.GetProperty("new_mutations").GetInt64() >= 1);
        Assert.Equal("1", (await OkAsync("server", "get", "incident/strike/1", "x")).Output.Trim());
        Assert.Contains("Nothing new", (await OkAsync("server", "bundle", "import", there)).Output);

        Assert.NotEqual(0, (await StatusAsync("device")).GetProperty("pending").GetInt64());
        await OkAsync("server", "bundle", "export", back, "--for", id[..8]);
        await OkAsync("device", "bundle", "import", back);
        Assert.Equal(0, (await StatusAsync("device")).GetProperty("pending").GetInt64());
    }

    [Fact]
    public async Task What_begins_behind_the_reader_s_own_state_is_refused_with_the_way_out()
    {
        await InitAsync("device", "late");
        await OkAsync("device", "put", "incident/strike/1", "x=1");
        string status = Write("status.json", (await OkAsync("device", "--json", "status")).Output);
        await OkAsync("device", "put", "incident/strike/1", "x=2");
        string bundle = PathOf("tail.bundle");
        var exported = (await OkAsync("device", "--json", "bundle", "export", bundle, "--since", status)).Json;
        Assert.Equal(1, exported.GetProperty("mutations").GetInt64());
        (await RunAsync("late", "bundle", "import", bundle)).Failed(6, "--since");
        (await RunAsync("late", "bundle", "import", Write("no.bundle", "something else"))).Failed(2, "no bundle");
        (await RunAsync("device", "bundle", "export", bundle, "--since", "nonsense")).Failed(2, "ID:SEQUENCE");
        (await RunAsync("device", "bundle", "export", bundle, "--for", "here")).Failed(2, "this very replica");
    }

    [Fact]
    public async Task A_bundle_cut_short_on_the_way_is_taken_as_far_as_it_goes()
    {
        await InitAsync("device", "other");
        for (int i = 0; i < 3; i++) await OkAsync("device", "put", $"incident/strike/{i}", "x=1");
        string bundle = PathOf("all.bundle");
        await OkAsync("device", "bundle", "export", bundle);
        byte[] whole = await File.ReadAllBytesAsync(bundle);
        await File.WriteAllBytesAsync(PathOf("cut.bundle"), whole[..^20]);
        (await RunAsync("other", "bundle", "import", PathOf("cut.bundle"))).Failed(7, "ends early");
        (await RunAsync("other", "bundle", "show", PathOf("cut.bundle"))).Failed(7, "ends early");
        await OkAsync("other", "bundle", "import", bundle);
        Assert.Equal("1", (await OkAsync("other", "get", "incident/strike/2", "x")).Output.Trim());
    }
}
