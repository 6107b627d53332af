using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>What is announced, under the name that it has at the moment.</summary>
/// <param name="advertisement">What its owner wants.</param>
/// <param name="type">The service's type.</param>
/// <param name="host">This process's own name for the machine: nobody else has it.</param>
internal sealed class MdnsService(PeerAdvertisement advertisement, DnsName type, DnsName host)
{
    private static readonly DnsName AllServices = DnsName.Of("_services", "_dns-sd", "_udp", "local");

    public PeerAdvertisement Advertisement { get; } = advertisement;

    /// <summary>From 2 on it stands behind the name: another has that.</summary>
    public int Number { get; private init; } = 1;

    public DnsName Name => type.Under(LabelOf(Advertisement.Instance, Number));

    public MdnsService Renamed() => new(Advertisement, type, host) { Number = Number + 1 };

    /// <summary>The same name, and something else to tell.</summary>
    public MdnsService With(PeerAdvertisement changed) => new(changed, type, host) { Number = Number };

    /// <summary>What there is to say on a network.</summary>
    /// <returns>Nothing where it cannot be reached.</returns>
    public IReadOnlyList<DnsRecord> RecordsOn(LinkAddresses link)
    {
        DnsRecord[] hosts = [.. AddressesOn(link).Select(address => DnsRecord.Host(host, address))];
        if (hosts.Length == 0)
            return [];
        return
        [
            DnsRecord.Ptr(type, Name),
            DnsRecord.Srv(Name, (ushort)Advertisement.EndPoint.Port, host),
            DnsRecord.Txt(Name, Advertisement.Properties),
            DnsRecord.Ptr(AllServices, type),
            .. hosts,
        ];
    }

    private IEnumerable<IPAddress> AddressesOn(LinkAddresses link)
    {
        IPAddress listens = Advertisement.EndPoint.Address;
        foreach ((IPAddress address, _) in link.Addresses)
        {
            bool isReached = listens.Equals(IPAddress.IPv6Any)
                || (listens.Equals(IPAddress.Any) && address.AddressFamily == AddressFamily.InterNetwork)
                || listens.Equals(address)
                || (IPAddress.IsLoopback(listens) && IPAddress.IsLoopback(address)
                    && listens.AddressFamily == address.AddressFamily);
            if (isReached)
                yield return listens.Equals(address) || !IPAddress.IsLoopback(listens) ? address : listens;
        }
    }

    private static string LabelOf(string instance, int number)
    {
        string suffix = number == 1 ? string.Empty : $" ({number})";
        // Cut between characters where the number takes the room.
        while (Encoding.UTF8.GetByteCount(instance) + suffix.Length > DnsName.LabelLengthBytesMax)
            instance = instance[..(char.IsLowSurrogate(instance[^1]) ? ^2 : ^1)];
        return instance + suffix;
    }
}
