using System.Diagnostics;

namespace Crdt.Integration.Discovery;

/// <summary>Avahi on a host of a test's network, with a bus of its own, so that neither the machine's Avahi nor its bus is
/// touched.</summary>
internal sealed class AvahiHost : IAsyncDisposable
{
    // A session's bus with an open policy: on a system's bus with plain permissions Avahi hangs at its start.
    private const string Bus = """
        <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
        <busconfig><type>session</type><listen>unix:path={0}</listen><auth>EXTERNAL</auth><policy context="default"><allow user="*"/>
        <allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>
        """;

    private const string Settings = """
        [server]
        host-name=avahi-host
        use-ipv4=yes
        use-ipv6=yes
        enable-dbus=yes
        allow-interfaces=eth0
        disallow-other-stacks=no
        [wide-area]
        enable-wide-area=no
        [publish]
        publish-hinfo=no
        publish-workstation=no
        [reflector]
        [rlimits]
        """;

    private readonly string directory = Directory.CreateTempSubdirectory("crdt-avahi-").FullName;
    private readonly string[] by;
    private Lines? bus, daemon;

    private AvahiHost(string[] by) => this.by = by;

    private Dictionary<string, string> Environment => new() { ["DBUS_SYSTEM_BUS_ADDRESS"] = $"unix:path={directory}/bus" };

    public static async Task<AvahiHost> StartAsync(NetworkNamespaces network, int host)
    {
        var avahi = new AvahiHost(network.By(host));
        await avahi.StartAsync();
        return avahi;
    }

    /// <summary>Announces a service until it is stopped.</summary>
    public Lines Publish(string name, int port, params string[] text) => Lines.Start(
        [.. by, "avahi-publish", "-s", name, "_crdt-sync._tcp", $"{port}", .. text], Environment);

    /// <summary>Tells, live, what Avahi sees: lines as of <c>avahi-browse -rp</c>.</summary>
    public Lines Browse() => Lines.Start([.. by, "avahi-browse", "-rp", "_crdt-sync._tcp"], Environment);

    public async ValueTask DisposeAsync()
    {
        if (daemon is not null) await daemon.DisposeAsync();
        if (bus is not null) await bus.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    private async Task StartAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(directory, "bus.conf"), Bus.Replace("{0}", $"{directory}/bus", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(directory, "avahi.conf"), Settings);
        Directory.CreateDirectory("/run/avahi-daemon");
        bus = Lines.Start(["dbus-daemon", $"--config-file={directory}/bus.conf", "--nofork", "--nopidfile"]);
        long since = Stopwatch.GetTimestamp();
        while (!File.Exists($"{directory}/bus"))
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(10), "The bus did not start.");
            await Task.Delay(20);
        }
        // In a mount namespace of its own: several of them can run.
        daemon = Lines.Start(
            [.. by, "unshare", "-m", "bash", "-c", $"mount -t tmpfs tmpfs /run/avahi-daemon; exec avahi-daemon -f {directory}/avahi.conf --no-drop-root --no-chroot --no-rlimits --debug"],
            Environment);
        await daemon.WaitAsync(line => line.Contains("Server startup complete", StringComparison.Ordinal), "Avahi has started");
    }
}
