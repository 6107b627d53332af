using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>A record, of the Internet class.</summary>
/// <param name="Name">What it is about.</param>
/// <param name="Type">Its type; one without a name here where a message has it.</param>
/// <param name="TtlSeconds">How long it holds; 0 takes it back.</param>
/// <param name="IsUnique">Whether its sender is the only one to know, so that earlier records are void (the cache-flush
/// bit).</param>
/// <param name="Data">Its data, names in it not compressed.</param>
internal sealed record DnsRecord(DnsName Name, DnsType Type, uint TtlSeconds, bool IsUnique, byte[] Data)
{
    public const ushort InternetClass = 1;

    /// <summary>RFC 6762, 10: what names or leads to a host, and all else.</summary>
    public const uint HostTtlSeconds = 120, OtherTtlSeconds = 4_500;

    private const int SrvNameAt = 6;

    /// <summary>Of <see cref="DnsType.Ptr"/> and <see cref="DnsType.Srv"/>: where it leads.</summary>
    public DnsName Target => DnsName.FromTrusted(Data.AsSpan(Type == DnsType.Srv ? SrvNameAt : 0));

    /// <summary>Of <see cref="DnsType.Srv"/>.</summary>
    public ushort Port => BinaryPrimitives.ReadUInt16BigEndian(Data.AsSpan(4));

    /// <summary>Of <see cref="DnsType.A"/> and <see cref="DnsType.Aaaa"/>.</summary>
    public IPAddress Address => new(Data);

    public static DnsRecord Ptr(DnsName name, DnsName target) =>
        new(name, DnsType.Ptr, OtherTtlSeconds, false, target.Wire.ToArray());

    public static DnsRecord Srv(DnsName name, ushort port, DnsName host)
    {
        var data = new byte[SrvNameAt + host.Wire.Length]; // priority and weight 0
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4), port);
        host.Wire.CopyTo(data.AsSpan(SrvNameAt));
        return new DnsRecord(name, DnsType.Srv, HostTtlSeconds, true, data);
    }

    /// <exception cref="ArgumentException">A property is empty or too long.</exception>
    public static DnsRecord Txt(DnsName name, IReadOnlyDictionary<string, string> properties)
    {
        var data = new List<byte>();
        foreach ((string key, string value) in properties)
        {
            byte[] text = Encoding.UTF8.GetBytes($"{key}={value}");
            if (text.Length > byte.MaxValue || key.Length == 0 || key.Contains('=', StringComparison.Ordinal))
                throw new ArgumentException($"The property '{key}' is empty or too long.", nameof(properties));
            data.Add((byte)text.Length);
            data.AddRange(text);
        }
        if (data.Count == 0)
            data.Add(0); // RFC 6763, 6.1: never empty
        if (data.Count > DnsWriter.TxtLengthBytesMax)
            throw new ArgumentException($"Properties of {data.Count} bytes are too long to be announced.", nameof(properties));
        return new DnsRecord(name, DnsType.Txt, OtherTtlSeconds, true, [.. data]);
    }

    public static DnsRecord Host(DnsName name, IPAddress address) => new(
        name,
        address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? DnsType.A : DnsType.Aaaa,
        HostTtlSeconds,
        true,
        address.GetAddressBytes());

    /// <summary>Of <see cref="DnsType.Txt"/>: its properties; of a name that comes again the first counts (RFC 6763, 6.4).
    /// </summary>
    public Dictionary<string, string> Properties()
    {
        var properties = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (int at = 0; at < Data.Length; at += Data[at] + 1)
        {
            string text = Encoding.UTF8.GetString(Data.AsSpan(at + 1, Data[at]));
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
                properties.TryAdd(text[..equals], text[(equals + 1)..]);
        }
        return properties;
    }

    /// <summary>Whether it says the same, for however long.</summary>
    public bool Says(DnsRecord other) => Type == other.Type && Name == other.Name && Type switch
    {
        DnsType.Ptr => Target == other.Target,
        DnsType.Srv => Data.AsSpan(0, SrvNameAt).SequenceEqual(other.Data.AsSpan(0, SrvNameAt)) && Target == other.Target,
        _ => Data.AsSpan().SequenceEqual(other.Data),
    };

    /// <summary>RFC 6762, 8.2: the order in which two sets of records for one name are compared.</summary>
    public static int Compare(DnsRecord a, DnsRecord b) =>
        a.Type != b.Type ? a.Type.CompareTo(b.Type) : a.Data.AsSpan().SequenceCompareTo(b.Data);

    public override string ToString() => $"{Name} {Type} {TtlSeconds}";
}
