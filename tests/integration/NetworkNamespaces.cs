using System.Globalization;

namespace Crdt.Integration;

/// <summary>Hosts of their own on one Ethernet, as namespaces of the kernel: for tests that need networks which come, go, part
/// and meet other programs. Needs root and <c>ip</c>. Host n has 10.77.0.n on <c>eth0</c>; a host of an empty network has its
/// loopback alone. Removed with everything in it by disposing.</summary>
public sealed class NetworkNamespaces : IAsyncDisposable
{
    private readonly string prefix = $"crdt{Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture)[..6]}";
    private readonly List<string> namespaces = [];

    private NetworkNamespaces()
    {
    }

    /// <summary>A network with so many hosts, from 1 on.</summary>
    public static async Task<NetworkNamespaces> CreateAsync(int hosts)
    {
        var network = new NetworkNamespaces();
        await network.AddAsync(network.Switch);
        await network.InAsync(network.Switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
        await network.InAsync(network.Switch, "link", "set", "br0", "up");
        for (int host = 1; host <= hosts; host++)
        {
            string name = network.NameOf(host), port = $"p{host}";
            await network.AddAsync(name);
            await network.InAsync(network.Switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
            await network.InAsync(network.Switch, "link", "set", port, "master", "br0");
            await network.InAsync(network.Switch, "link", "set", port, "up");
            // Without the second or two in which a fresh address of IPv6 is not used yet.
            await RunAsync("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
                "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.eth0.accept_dad=0");
            await network.InAsync(name, "addr", "add", $"{AddressOf(host)}/24", "dev", "eth0");
            await network.InAsync(name, "link", "set", "eth0", "up");
            // Programs that send without saying by which interface ask the table of routes.
            await network.InAsync(name, "route", "add", "default", "dev", "eth0");
        }
        return network;
    }

    /// <summary>A machine without any network.</summary>
    public static async Task<NetworkNamespaces> CreateLonelyAsync()
    {
        var network = new NetworkNamespaces();
        await network.AddAsync(network.NameOf(1));
        return network;
    }

    public static string AddressOf(int host) => $"10.77.0.{host}";

    /// <summary>What runs a program on a host: put it before the program's own line.</summary>
    public string[] By(int host) => ["ip", "netns", "exec", NameOf(host)];

    /// <summary>Pulls a host's cable, or puts it in again.</summary>
    public Task PlugAsync(int host, bool isIn) => InAsync(Switch, "link", "set", $"p{host}", isIn ? "up" : "down");

    /// <summary>An <c>ip</c> command on a host.</summary>
    public Task IpAsync(int host, params string[] args) => InAsync(NameOf(host), args);

    public async ValueTask DisposeAsync()
    {
        foreach (string name in namespaces)
            await Component.RunAsync("ip", "netns", "del", name);
    }

    private string Switch => $"{prefix}s";

    private string NameOf(int host) => $"{prefix}h{host}";

    private async Task AddAsync(string name)
    {
        await RunAsync("ip", "netns", "add", name);
        namespaces.Add(name);
        await InAsync(name, "link", "set", "lo", "up");
    }

    private Task InAsync(string name, params string[] args) => RunAsync("ip", ["-n", name, .. args]);

    private static async Task RunAsync(string program, params string[] args)
    {
        (int exitCode, _, string error) = await Component.RunAsync(program, args);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', args)}: {error}");
    }
}
