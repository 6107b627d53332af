using System.Diagnostics;
using System.Text.Json;
using Crdt.Integration.Cli;
using Crdt.Store;

namespace Crdt.Integration.Network;

/// <summary>Five hosts on one network, each with <c>crdt serve</c> as a process and TLS, whose network fails in every way that the kernel
/// can bring about: whatever happens, all hold the same in the end, nothing is unaccounted for, and each finds the others
/// again in the time that is promised.</summary>
public sealed class FiveHostsTests : CliTest
{
    // A line that is dead without a word is given up after 15 s; an attempt to dial comes 30 s behind the one before at the latest,
    // and takes up to 5 s.
    private static readonly TimeSpan Dead = TimeSpan.FromSeconds(15 + 5), Again = TimeSpan.FromSeconds(15 + 30 + 5 + 5);

    private FieldHost[] hosts = [];
    private NetworkNamespaces? network;
    private int written;

    [ComponentFact("ip", "nft", "tc", "ss", NeedsRoot = true)]
    public async Task Whatever_happens_to_the_network_and_its_hosts_all_hold_the_same_in_the_end()
    {
        await FoundAsync();
        await using NetworkNamespaces made = network = await NetworkNamespaces.CreateAsync(5);
        hosts = [.. Enumerable.Range(1, 5).Select(n => new FieldHost(made, n, PathOf($"host{n}")))];
        try
        {
            foreach (FieldHost host in hosts) await StartAsync(host);
            await ConvergeAsync(Again);

            await PartitionAsync();
            await OneWayResetAndSlowAsync();
            await CableAndAddressAsync();

            await Task.WhenAll(hosts.Select(h => h.StopAsync()));
            await CheckAsync();
        }
        finally
        {
            foreach (FieldHost host in hosts) host.Dispose();
        }
    }

    /// <summary>{1, 2} and {3, 4, 5} hear nothing of each other any more, the carrier stays; on both sides one is killed and goes
    /// on with new work.</summary>
    private async Task PartitionAsync()
    {
        foreach (int host in new[] { 1, 2 }) await DropFromAsync(host, 3, 4, 5);
        foreach (int host in new[] { 3, 4, 5 }) await DropFromAsync(host, 1, 2);
        await KillAndWriteAsync(Host(2));
        await KillAndWriteAsync(Host(4));
        await UntilAsync(Dead, "each side holds the same", () => Host(1).Vector == Host(2).Vector && Host(3).Vector == Host(4).Vector && Host(4).Vector == Host(5).Vector);
        Assert.NotEqual(Host(2).Vector, Host(4).Vector);
        foreach (FieldHost host in hosts) await HealAsync(host.Number);
        await ConvergeAsync(Again);
    }

    /// <summary>2 hears nothing from 1, and 1 hears 2; the connections of 4 are reset; 3 has a slow line.</summary>
    private async Task OneWayResetAndSlowAsync()
    {
        int lost = Host(1).Lost + Host(2).Lost, connected = Host(4).Connections + Host(5).Connections;
        await DropFromAsync(2, 1);
        await OnAsync(3, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "512kbit", "burst", "16kb", "latency", "400ms");
        await OnAsync(4, "ss", "-K", "dst", NetworkNamespaces.AddressOf(5));
        await UntilAsync(TimeSpan.FromSeconds(10), "4 and 5 are connected again after a reset", () => Host(4).Connections + Host(5).Connections >= connected + 2);
        await KillAndWriteAsync(Host(5), rows: 200);
        // What 1 has reaches 2 around the other way.
        await ConvergeAsync(Again);
        await UntilAsync(Dead, "a line that is dead in one direction is given up", () => Host(1).Lost + Host(2).Lost > lost);
        await HealAsync(2);
        await OnAsync(3, "tc", "qdisc", "del", "dev", "eth0", "root");
    }

    /// <summary>The cable of 5 is pulled, and 4 gets another address, under which nobody dials it.</summary>
    private async Task CableAndAddressAsync()
    {
        await network!.PlugAsync(5, isIn: false);
        await network.IpAsync(4, "addr", "del", $"{NetworkNamespaces.AddressOf(4)}/24", "dev", "eth0");
        await network.IpAsync(4, "addr", "add", "10.77.0.44/24", "dev", "eth0");
        await KillAndWriteAsync(Host(1));
        await network.PlugAsync(5, isIn: true);
        await ConvergeAsync(Again);
    }

    // ---- what happens to hosts ----

    private FieldHost Host(int number) => hosts[number - 1];

    /// <summary>Each dials the next, around; and 1 dials 3.</summary>
    private static Task StartAsync(FieldHost host) => host.StartAsync(host.Number == 1 ? [2, 3] : [(host.Number % 5) + 1]);

    private async Task KillAndWriteAsync(FieldHost host, int rows = 1)
    {
        await host.KillAsync();
        await WriteAsync(host.Number, rows);
        await StartAsync(host);
    }

    private async Task WriteAsync(int host, int rows = 1)
    {
        if (rows == 1) await OkAsync($"host{host}", "put", $"incident/strike/{++written}", $"host={host}");
        else
        {
            string file = Write("rows.csv", string.Join('\n', Enumerable.Range(0, rows).Select(r => $"r{r},{new string('x', 200)}").Prepend("id,text")));
            await OkAsync($"host{host}", "import", file, "--domain", "incident", "--type", "row");
        }
    }

    /// <summary>A server, four devices that it has paired, and something that each wrote by itself.</summary>
    private async Task FoundAsync()
    {
        await OkAsync("host1", "init", "--space", "field");
        await using (CliServer pairing = await BeginAsync("host1", ["serve"]))
        {
            for (int host = 2; host <= 5; host++)
            {
                string invitation = (await OkAsync("host1", "--json", "pair")).Json.GetProperty("invitation").GetString()!;
                await OkAsync($"host{host}", "join", invitation);
            }
        }
        for (int host = 1; host <= 5; host++) await WriteAsync(host);
    }

    // ---- what happens to the network ----

    private async Task OnAsync(int host, params string[] line)
    {
        string[] by = [.. network!.By(host), .. line];
        (int exitCode, _, string error) = await Component.RunAsync(by[0], by[1..]);
        Assert.True(exitCode == 0, $"{string.Join(' ', line)}: {error}");
    }

    private Task DropFromAsync(int host, params int[] from) => OnAsync(host, "nft",
        "add table inet chaos; add chain inet chaos in { type filter hook input priority 0; policy accept; }; add rule inet chaos in meta protocol ip6 drop; "
        + $"add rule inet chaos in ip saddr {{ {string.Join(", ", from.Select(NetworkNamespaces.AddressOf))} }} drop");

    private Task HealAsync(int host) => OnAsync(host, "nft", "delete table inet chaos");

    // ---- what holds ----

    private Task ConvergeAsync(TimeSpan within) => UntilAsync(within, "all hold the same",
        () => hosts[0].Vector is { } vector && vector.Split(':').Length > 5 && hosts.All(h => h.Vector == vector));

    private async Task UntilAsync(TimeSpan within, string what, Func<bool> holds)
    {
        long begun = Stopwatch.GetTimestamp();
        while (!holds())
        {
            Assert.All(hosts, h => Assert.Null(h.Trouble));
            Assert.True(Stopwatch.GetElapsedTime(begun) < within, $"After {within.TotalSeconds:F0} s not yet: {what}.\n"
                + string.Join('\n', hosts.Select(h => $"{h.Number}: {h.Vector}\n    {string.Join("\n    ", h.Events.TakeLast(6))}")));
            await Task.Delay(50);
        }
    }

    private async Task CheckAsync()
    {
        JsonElement first = await StatusAsync("host1");
        Assert.Equal(written + 200, first.GetProperty("entities").GetInt64());
        foreach (FieldHost host in hosts)
        {
            JsonElement status = await StatusAsync($"host{host.Number}");
            Assert.Equal(first.GetProperty("digest").GetString(), status.GetProperty("digest").GetString());
            Assert.Equal(0, status.GetProperty("pending").GetInt64());
            if (host.Number > 1) Assert.True(status.GetProperty("custody").GetProperty("safe_to_wipe").GetBoolean(), status.GetProperty("custody").GetRawText());
            using EcdsaNodeKey key = NodeKeyFile.Open(NodeKeyFile.PathIn(host.Data), null);
            await using Replica replica = await Replica.OpenAsync(FileReplicaStore.Open(host.Data), new ReplicaOptions { Time = TimeProvider.System, Key = key });
            Assert.Empty((await replica.AuditAsync()).Unaccounted);
        }
    }
}
