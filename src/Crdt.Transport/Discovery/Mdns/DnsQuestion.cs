namespace Crdt.Transport.Discovery.Mdns;

/// <summary>A question, of the Internet class.</summary>
/// <param name="Name">About what.</param>
/// <param name="Type">For which records.</param>
internal readonly record struct DnsQuestion(DnsName Name, DnsType Type)
{
    public bool Asks(DnsRecord record) => (Type == DnsType.Any || Type == record.Type) && Name == record.Name;
}
