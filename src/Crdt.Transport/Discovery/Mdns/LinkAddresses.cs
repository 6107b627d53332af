using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>A network that this machine is on.</summary>
/// <param name="Index">The system's number of the interface.</param>
/// <param name="IsLoopback">Whether it ends within this machine.</param>
/// <param name="Addresses">This machine's addresses there, each with the length of its prefix in bits.</param>
internal sealed record LinkAddresses(int Index, bool IsLoopback, IReadOnlyList<(IPAddress Address, int PrefixLength)> Addresses)
{
    public bool Has(AddressFamily family) => Addresses.Any(own => own.Address.AddressFamily == family);

    /// <summary>Whether an address is on this very network, so that nobody far away is behind it.</summary>
    public bool IsOnLink(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.IsIPv6LinkLocal)
            return !IsLoopback;
        Span<byte> theirs = stackalloc byte[16];
        Span<byte> ours = stackalloc byte[16];
        address.TryWriteBytes(theirs, out int length);
        foreach ((IPAddress own, int prefix) in Addresses)
        {
            if (own.AddressFamily == address.AddressFamily && own.TryWriteBytes(ours, out _)
                && SharePrefix(theirs[..length], ours[..length], prefix))
                return true;
        }
        return false;
    }

    public bool Equals(LinkAddresses? other) => other is not null && Index == other.Index && IsLoopback == other.IsLoopback
        && Addresses.SequenceEqual(other.Addresses);

    public override int GetHashCode() => HashCode.Combine(Index, IsLoopback, Addresses.Count);

    private static bool SharePrefix(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int bits)
    {
        int whole = Math.Clamp(bits / 8, 0, a.Length);
        int rest = bits % 8;
        return a[..whole].SequenceEqual(b[..whole])
            && (rest == 0 || whole == a.Length || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
    }
}
