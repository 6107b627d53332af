using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>The networks that this machine is on now.</summary>
internal static class NetworkLinks
{
    /// <summary>Reads them.</summary>
    /// <param name="uses">Which interfaces, by name.</param>
    /// <returns><see langword="null"/> when they cannot be read at this moment, such as while one vanishes.</returns>
    public static IReadOnlyList<LinkAddresses>? Read(Func<string, bool> uses)
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces().Where(n => IsUsable(n) && uses(n.Name)).Select(Describe)
                .OfType<LinkAddresses>().OrderBy(l => l.Index)];
        }
        catch (Exception e) when (e is NetworkInformationException or IOException or SocketException)
        {
            return null;
        }
    }

    private static bool IsUsable(NetworkInterface network)
    {
        // Loopback and virtual ones often say "unknown", and work.
        if (network.OperationalStatus is not (OperationalStatus.Up or OperationalStatus.Unknown))
            return false;
        return network.NetworkInterfaceType == NetworkInterfaceType.Loopback
            || (network.SupportsMulticast
                && network.NetworkInterfaceType is not (NetworkInterfaceType.Tunnel or NetworkInterfaceType.Ppp));
    }

    private static LinkAddresses? Describe(NetworkInterface network)
    {
        IPInterfaceProperties properties = network.GetIPProperties();
        (IPAddress, int)[] addresses =
        [
            .. properties.UnicastAddresses.Select(a => (WithoutScope(a.Address), a.PrefixLength))
                .OrderBy(a => a.Item1.AddressFamily).ThenBy(a => a.Item1.ToString(), StringComparer.Ordinal),
        ];
        int? index = network.Supports(NetworkInterfaceComponent.IPv4) ? properties.GetIPv4Properties()?.Index
            : network.Supports(NetworkInterfaceComponent.IPv6) ? properties.GetIPv6Properties()?.Index
            : null;
        return addresses.Length == 0 || index is not > 0 ? null : new LinkAddresses(
            index.Value, network.NetworkInterfaceType == NetworkInterfaceType.Loopback, addresses);
    }

    private static IPAddress WithoutScope(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetworkV6 ? new IPAddress(address.GetAddressBytes()) : address;
}
