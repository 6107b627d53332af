using System.Diagnostics;
using System.Text.Json;

namespace Crdt.Integration.Cli;

/// <summary>When a device may be wiped, as people ask for it.</summary>
public sealed class CustodyTests : CliTest
{
    [Fact]
    public async Task A_tablet_is_safe_to_wipe_once_a_server_process_has_signed_for_all_of_it_also_after_restarts()
    {
        await OkAsync("office", "init", "--space", "field");
        await PairAsync("office", "tablet");
        await PairAsync("office", "second");
        await OkAsync("tablet", "put", "incident/strike/1", "species=gull");
        JsonElement before = Custody(await StatusAsync("tablet"));
        Assert.False(before.GetProperty("safe_to_wipe").GetBoolean());
        Assert.Contains("no server is known to hold", (await OkAsync("tablet", "status")).Output);

        // The tablet never meets the office: the second one carries its work there, and the receipt back.
        await MeetAsync("second", "tablet");
        Assert.False(Custody(await StatusAsync("tablet")).GetProperty("safe_to_wipe").GetBoolean());
        await MeetAsync("second", "office");
        await MeetAsync("second", "tablet");
        JsonElement after = Custody(await StatusAsync("tablet"));
        Assert.True(after.GetProperty("safe_to_wipe").GetBoolean(), after.GetRawText());
        Assert.True(after.GetProperty("signed").GetBoolean());
        Assert.Equal(128, Assert.Single(after.GetProperty("receipts").EnumerateArray()).GetProperty("signature").GetString()!.Length);
        Assert.Contains("yes: servers have signed", (await OkAsync("tablet", "status")).Output);

        await OkAsync("tablet", "put", "incident/strike/1", "species=tern");
        JsonElement more = Custody(await StatusAsync("tablet"));
        Assert.Equal((false, 1), (more.GetProperty("safe_to_wipe").GetBoolean(), more.GetProperty("missing_mutations").GetInt64()));

        // The office itself: no other server holds what it holds, and the authority's key lies there.
        JsonElement office = Custody(await StatusAsync("office"));
        Assert.Equal((false, true), (office.GetProperty("safe_to_wipe").GetBoolean(), office.GetProperty("authority_key").GetBoolean()));
    }

    [Fact]
    public async Task What_was_cut_off_of_a_lost_device_is_listed_and_written_again()
    {
        await OkAsync("office", "init", "--space", "field");
        await PairAsync("office", "tablet");
        await PairAsync("office", "second");
        string tablet = (await StatusAsync("tablet")).GetProperty("replica").GetString()!;
        await OkAsync("tablet", "put", "incident/strike/0", "species=tern");
        await MeetAsync("tablet", "office");
        await OkAsync("office", "device", "revoke", tablet);
        Assert.Contains("Nothing is kept aside", (await OkAsync("office", "aside", "list")).Error);
        await OkAsync("tablet", "put", "incident/strike/1", "species=gull");
        // The second one has not heard of it, and carries the work.
        await MeetAsync("second", "tablet");
        await MeetAsync("second", "office");
        Assert.NotEqual(0, (await RunAsync("office", "get", "incident/strike/1")).ExitCode);
        Assert.Equal(1, Custody(await StatusAsync("office")).GetProperty("set_aside").GetInt64());
        Assert.Contains("'crdt aside'", (await OkAsync("office", "status")).Output);
        JsonElement run = (await OkAsync("office", "--json", "aside", "list")).Json;
        Assert.Equal((tablet, "incident/strike/1"), (run.GetProperty("author").GetString(), run.GetProperty("entities")[0].GetString()));
        Assert.Contains("incident/strike/1", (await OkAsync("office", "aside", "list")).Output);
        Assert.Equal(3, (await RunAsync("office", "aside", "rewrite", "ffffffff")).ExitCode);
        Assert.Equal(1, (await OkAsync("office", "--json", "aside", "rewrite", tablet[..8])).Json.GetProperty("written").GetInt64());
        Assert.Contains("gull", (await OkAsync("office", "get", "incident/strike/1")).Output);
        Assert.Equal(0, Custody(await StatusAsync("office")).GetProperty("set_aside").GetInt64());
        Assert.Contains("written again before", (await OkAsync("office", "aside", "rewrite", tablet)).Output);
    }

    [Fact]
    public async Task A_device_that_is_away_does_not_lack_what_it_wrote_itself()
    {
        await OkAsync("office", "init", "--space", "field");
        await PairAsync("office", "tablet");
        await PairAsync("office", "second");
        await OkAsync("second", "put", "incident/strike/0", "height=100");
        await MeetAsync("second", "tablet");
        await OkAsync("tablet", "put", "incident/strike/1", "species=gull");
        await MeetAsync("second", "tablet");
        Assert.Equal(0, await LackingAsync());
        await OkAsync("second", "put", "incident/strike/1", "height=120");
        Assert.Equal(1, await LackingAsync());

        async Task<long> LackingAsync()
        {
            string tablet = (await StatusAsync("tablet")).GetProperty("replica").GetString()!;
            JsonElement peers = (await OkAsync("second", "--json", "peers", "--once")).Json.GetProperty("peers");
            return peers.EnumerateArray().Single(p => p.TryGetProperty("replica", out JsonElement replica) && replica.GetString() == tablet).GetProperty("lacks").GetInt64();
        }
    }

    [Fact]
    public async Task In_an_open_space_the_status_says_that_nothing_proves_it()
    {
        await InitAsync("a", "server");
        await OkAsync("a", "put", "incident/strike/1", "x=1");
        await SyncAsync("a", "server");
        Assert.Contains("nothing proves it", (await OkAsync("a", "status")).Output);
        Assert.False(Custody(await StatusAsync("a")).GetProperty("signed").GetBoolean());
    }

    private static JsonElement Custody(JsonElement status) => status.GetProperty("custody");

    private async Task PairAsync(string office, string device)
    {
        await using CliServer serving = await BeginAsync(office, ["serve"]);
        string invitation = (await OkAsync(office, "--json", "pair")).Json.GetProperty("invitation").GetString()!;
        await OkAsync(device, "join", invitation);
    }

    /// <summary>One serves as a process of its own, with TLS, and is killed afterwards.</summary>
    private async Task MeetAsync(string from, string to)
    {
        using Process server = CrdtProcess.Start(PathOf(to), "serve");
        try
        {
            await OkAsync(from, "--json", "sync", await CrdtProcess.AddressOfAsync(server));
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
        }
    }
}
