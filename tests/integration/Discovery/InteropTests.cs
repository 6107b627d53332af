using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Crdt.Integration.Cli;
using Crdt.Integration.Docs;

namespace Crdt.Integration.Discovery;

/// <summary>Real processes on networks of their own, among themselves and beside other implementations.</summary>
public sealed class InteropTests : CliTest
{
    private const string SomeId = "00112233445566778899aabbccddeeff";

    [ComponentFact("ip", NeedsRoot = true)]
    public async Task On_a_machine_without_network_two_processes_find_each_other()
    {
        await using NetworkNamespaces machine = await NetworkNamespaces.CreateLonelyAsync();
        await PairAsync();
        await OkAsync("office", "put", "a/b/1", "x=1");
        await OkAsync("tablet", "put", "a/b/2", "x=2");
        await using Lines office = Crdt(machine, 1, "office", "serve");
        await office.WaitAsync(line => line.StartsWith("listening ", StringComparison.Ordinal), "the office serves");
        await using (Lines tablet = Crdt(machine, 1, "tablet", "serve"))
        {
            await tablet.WaitAsync(line => line.Contains("connected", StringComparison.Ordinal), "they are connected");
            await using Lines eye = Crdt(machine, 1, "office", "--json", "peers");
            // What is near the eye hears for itself, perhaps after it was told that they are connected.
            JsonElement peer = await PeerAsync(eye, p => p.GetProperty("link").GetString() == "connected"
                && p.GetProperty("lacks").GetInt64() == 0 && p.GetProperty("near").GetBoolean(), "nothing is lacking");
            Assert.True(peer.GetProperty("paired").GetBoolean());
            await tablet.StopAsync();
            await PeerAsync(eye, p => !p.GetProperty("near").GetBoolean(), "it has said goodbye");
        }
        await using Lines sync = Crdt(machine, 1, "tablet", "sync");
        await sync.WaitAsync(line => line.StartsWith("In sync with", StringComparison.Ordinal), "a sync without an address");
    }

    [ComponentFact("ip", NeedsRoot = true)]
    public async Task Two_people_on_one_network_pair_their_devices_without_naming_an_address()
    {
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(3);
        await OkAsync("office", "init", "--space", "field");
        await OkAsync("office", "put", "a/b/1", "x=1");
        string[] yes = ["sh", "-c", "echo y | \"$0\" \"$@\""];
        await using Lines office = new(CrdtProcess.Start([.. network.By(1), .. yes], PathOf("office"), "--json", "pair", "--code"));
        await office.WaitAsync(line => line.Contains("listening", StringComparison.Ordinal), "it waits");
        await using (Lines tablet = new(CrdtProcess.Start([.. network.By(2), .. yes], PathOf("tablet"), "--json", "join", "--code")))
        {
            string shown = await tablet.WaitAsync(line => line.Contains("\"code\"", StringComparison.Ordinal), "the digits there");
            string here = await office.WaitAsync(line => line.Contains("\"code\"", StringComparison.Ordinal), "the digits here");
            Assert.Equal(JsonDocument.Parse(here).RootElement.GetProperty("code").GetString(), JsonDocument.Parse(shown).RootElement.GetProperty("code").GetString());
            await tablet.WaitAsync(line => line.Contains("mutations_received", StringComparison.Ordinal), "it has its copy");
        }
        Assert.Contains("\"x\":1", (await OkAsync("tablet", "--json", "get", "a/b/1")).Output);

        // Where two wait, a person says which is meant.
        await OkAsync("other", "init", "--space", "other");
        await using Lines again = Crdt(network, 1, "office", "pair", "--code"), rival = Crdt(network, 3, "other", "pair", "--code");
        foreach (Lines waiting in new[] { again, rival }) await waiting.WaitAsync(line => line.Contains("join --code", StringComparison.Ordinal), "both wait");
        await using Lines third = Crdt(network, 2, "third", "join", "--code");
        string told = await third.WaitAsync(line => line.Contains("2 devices", StringComparison.Ordinal), "both are told");
        foreach (int host in new[] { 1, 3 }) Assert.Contains(NetworkNamespaces.AddressOf(host), told);
    }

    [ComponentFact("ip", NeedsRoot = true)]
    public async Task A_cable_that_was_pulled_and_put_in_again_is_noticed()
    {
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(2);
        await PairAsync();
        await using Lines office = Crdt(network, 1, "office", "serve"), tablet = Crdt(network, 2, "tablet", "serve");
        await office.WaitAsync(line => line.Contains("connected", StringComparison.Ordinal), "they are connected");
        await using Lines eye = Crdt(network, 1, "office", "--json", "peers");
        await network.IpAsync(1, "link", "set", "eth0", "down");
        await PeerAsync(eye, p => !p.GetProperty("near").GetBoolean() || p.GetProperty("link").GetString() != "connected", "it is away");
        await network.IpAsync(1, "link", "set", "eth0", "up");
        await PeerAsync(eye, p => p.GetProperty("near").GetBoolean() && p.GetProperty("link").GetString() == "connected", "it is back");
    }

    [ComponentFact("ip", NeedsRoot = true)]
    public async Task One_that_was_killed_and_came_back_on_another_port_is_connected_again()
    {
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(2);
        await PairAsync();
        await using Lines office = Crdt(network, 1, "office", "serve");
        await using (Lines tablet = Crdt(network, 2, "tablet", "serve"))
        {
            await office.WaitAsync(line => line.Contains("connected", StringComparison.Ordinal), "they are connected");
            tablet.Kill();
        }
        await office.WaitAsync(line => line.Contains("disconnected", StringComparison.Ordinal), "it is gone");
        await using Lines again = Crdt(network, 2, "tablet", "serve");
        await again.WaitAsync(line => line.Contains(" connected", StringComparison.Ordinal), "they are connected again");
    }

    [ComponentFact("ip", "avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon", NeedsRoot = true)]
    public async Task Avahi_finds_us_and_hears_our_goodbye()
    {
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(2);
        await using AvahiHost avahi = await AvahiHost.StartAsync(network, 1);
        await OkAsync("office", "init", "--space", "field");
        await using Lines eye = avahi.Browse();
        await using Lines office = Crdt(network, 2, "office", "serve");
        string port = (await office.WaitAsync(line => line.StartsWith("listening ", StringComparison.Ordinal), "it serves")).Split(':')[^1];
        string[] found = (await eye.WaitAsync(line => line.StartsWith("=;eth0;IPv4;", StringComparison.Ordinal), "Avahi resolves it")).Split(';');
        Assert.Equal((NetworkNamespaces.AddressOf(2), port), (found[7], found[8]));
        Assert.Contains("\"v=1\"", found[9]);
        await office.StopAsync();
        await eye.WaitAsync(line => line.StartsWith("-;eth0;IPv4;", StringComparison.Ordinal), "Avahi hears that it goes");
    }

    [ComponentFact("ip", "avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon", NeedsRoot = true)]
    public async Task We_find_what_avahi_announces_also_on_its_own_machine_and_hear_its_goodbye()
    {
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(2);
        await using AvahiHost avahi = await AvahiHost.StartAsync(network, 1);
        await using Lines published = avahi.Publish("device.one and more", 7111, "v=1", $"id={SomeId}");
        await published.WaitAsync(line => line.Contains("Established", StringComparison.Ordinal), "it is announced");
        await OkAsync("near", "init", "--space", "field");
        await OkAsync("beside", "init", "--space", "field");
        await using Lines near = Crdt(network, 2, "near", "--json", "peers"), beside = Crdt(network, 1, "beside", "--json", "peers");
        foreach (Lines eye in (Lines[])[near, beside])
        {
            // Its addresses come one after the other.
            JsonElement peer = await PeerAsync(eye, p => p.GetProperty("near").GetBoolean() && p.GetProperty("addresses").EnumerateArray()
                .Any(a => a.GetString() == $"{NetworkNamespaces.AddressOf(1)}:7111"), "it is seen");
            Assert.Equal("device.one and more", peer.GetProperty("name").GetString());
            Assert.False(peer.GetProperty("paired").GetBoolean());
        }
        await published.StopAsync();
        foreach (Lines eye in (Lines[])[near, beside])
            await eye.WaitAsync(line => line.Contains("\"peers\":[]", StringComparison.Ordinal), "it is gone");
    }

    [ComponentFact("ip", "avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon", NeedsRoot = true)]
    public async Task Whoever_comes_second_to_a_name_takes_another_one()
    {
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(2);
        await using AvahiHost avahi = await AvahiHost.StartAsync(network, 1);
        await OkAsync("office", "init", "--space", "field");
        await using Lines eye = avahi.Browse();
        string name;
        await using (Lines office = Crdt(network, 2, "office", "serve"))
        {
            name = (await eye.WaitAsync(line => line.StartsWith("=;eth0;IPv4;", StringComparison.Ordinal), "ours is there first")).Split(';')[3]
                .Replace("\\045", "-", StringComparison.Ordinal);
            await using Lines second = avahi.Publish(name, 7111, "v=1");
            await second.WaitAsync(line => line.Contains("collision", StringComparison.Ordinal), "Avahi gives way");
            await office.StopAsync();
        }
        await using Lines first = avahi.Publish(name, 7111, "v=1");
        await first.WaitAsync(line => line.Contains("Established", StringComparison.Ordinal), "Avahi has the name");
        await using Lines late = Crdt(network, 2, "office", "serve");
        await eye.WaitAsync(line => line.StartsWith("=;eth0;IPv4;", StringComparison.Ordinal)
            && line.Split(';')[3].EndsWith("\\032\\0402\\041", StringComparison.Ordinal), "ours has a number");
    }

    [ComponentFact("ip", "node", "npm", NeedsRoot = true)]
    public async Task The_packages_of_node_find_us_and_are_found()
    {
        string packages = PathOf("npm");
        string install = Path.Combine(RepositoryRoot.Path, "tests", "integration", "Discovery", "npm", "install.sh");
        (int exitCode, string output, string error) = await Component.RunAsync("bash", install, packages);
        Assert.True(exitCode == 0, output + error);
        await using NetworkNamespaces network = await NetworkNamespaces.CreateAsync(3);
        await OkAsync("office", "init", "--space", "field");
        await using Lines bonjour = Node(network, packages, 1, "find");
        await using Lines office = Crdt(network, 2, "office", "serve");
        int port = int.Parse((await office.WaitAsync(line => line.StartsWith("listening ", StringComparison.Ordinal), "it serves")).Split(':')[^1],
            CultureInfo.InvariantCulture);
        JsonElement up = JsonDocument.Parse(await bonjour.WaitAsync(l => l.StartsWith("{\"up\"", StringComparison.Ordinal), "bonjour-service finds it"))
            .RootElement.GetProperty("up");
        Assert.Equal(port, up.GetProperty("port").GetInt32());
        Assert.Contains(NetworkNamespaces.AddressOf(2), up.GetProperty("addresses").EnumerateArray().Select(a => a.GetString()));
        Assert.Equal("1", up.GetProperty("txt").GetProperty("v").GetString());
        await using (Lines plain = Node(network, packages, 3, "query"))
        {
            await plain.WaitAsync(l => l.Contains("\"SRV\"", StringComparison.Ordinal)
                && l.Contains($"\"port\":{port}", StringComparison.Ordinal), "multicast-dns is answered");
        }
        await using (Lines published = Node(network, packages, 3, "publish", "a box", "7222", SomeId))
        {
            await published.WaitAsync(l => l.Contains("published", StringComparison.Ordinal), "bonjour-service announces");
            await using Lines eye = Crdt(network, 2, "office", "--json", "peers");
            JsonElement peer = await PeerAsync(eye, p => p.TryGetProperty("name", out JsonElement n) && n.GetString() == "a box", "it is seen");
            Assert.Contains($"{NetworkNamespaces.AddressOf(3)}:7222", peer.GetProperty("addresses").EnumerateArray().Select(a => a.GetString()));
            await published.StopAsync();
            await eye.WaitAsync(l => !l.Contains("a box", StringComparison.Ordinal), "it is gone");
        }
        await office.StopAsync();
        await bonjour.WaitAsync(l => l.StartsWith("{\"down\"", StringComparison.Ordinal), "bonjour-service hears that it goes");
    }

    private async Task PairAsync()
    {
        await OkAsync("office", "init", "--space", "field");
        await using CliServer pairing = await BeginAsync("office", ["pair", "--listen", "127.0.0.1:0"]);
        await OkAsync("tablet", "join", pairing.First.GetProperty("invitation").GetString()!);
        Assert.Equal(0, await pairing.Completion.WaitAsync(Patience));
    }

    private Lines Crdt(NetworkNamespaces network, int host, string data, params string[] args) =>
        new(CrdtProcess.Start(network.By(host), PathOf(data), args));

    private static Lines Node(NetworkNamespaces network, string packages, int host, params string[] args) =>
        Lines.Start([.. network.By(host), "node", "peer.js", .. args], directory: packages);

    /// <summary>The next that crdt peers shows of whom this holds.</summary>
    private static async Task<JsonElement> PeerAsync(Lines eye, Predicate<JsonElement> isIt, string what)
    {
        JsonElement? found = null;
        await eye.WaitAsync(line =>
        {
            if (!line.StartsWith('{')) return false;
            found = JsonDocument.Parse(line).RootElement.GetProperty("peers").EnumerateArray().Cast<JsonElement?>().FirstOrDefault(p => isIt(p!.Value));
            return found is not null;
        }, what);
        return found!.Value;
    }
}
