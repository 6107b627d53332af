namespace Crdt.Transport.Discovery.Mdns;

/// <summary>The types of records that discovery deals in.</summary>
internal enum DnsType : ushort
{
    A = 1,
    Ptr = 12,
    Txt = 16,
    Aaaa = 28,
    Srv = 33,

    /// <summary>In a question: whatever there is.</summary>
    Any = 255,
}
