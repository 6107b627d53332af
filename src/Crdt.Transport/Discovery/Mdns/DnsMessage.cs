namespace Crdt.Transport.Discovery.Mdns;

/// <summary>A message as it was read, without what is of no use to discovery.</summary>
internal sealed record DnsMessage
{
    public required ushort Id { get; init; }

    public required bool IsResponse { get; init; }

    /// <summary>Of a query: known answers go on in a further message.</summary>
    public required bool IsTruncated { get; init; }

    public required IReadOnlyList<DnsQuestion> Questions { get; init; }

    public required IReadOnlyList<DnsRecord> Answers { get; init; }

    /// <summary>Of a probe: what its sender is about to announce.</summary>
    public required IReadOnlyList<DnsRecord> Authorities { get; init; }

    public required IReadOnlyList<DnsRecord> Additionals { get; init; }
}
