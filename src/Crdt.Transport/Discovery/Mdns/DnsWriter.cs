using System.Buffers.Binary;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>Writes a message, names compressed. What does not fit is not written, and the caller is told.</summary>
internal sealed class DnsWriter
{
    /// <summary>What a link surely carries in one piece, with the headers of IPv6 and UDP.</summary>
    public const int LengthBytesMax = 1_440;

    /// <summary>So that all that belongs to one announcement fits into one message.</summary>
    public const int TxtLengthBytesMax = 700;

    private const int HeaderLengthBytes = 12;
    private const int PointerReach = 0x3FFF;

    private readonly byte[] message = new byte[LengthBytesMax];
    private readonly Dictionary<DnsName, int> written = [];
    private readonly int[] counts = new int[4];
    private readonly bool isLegacy;
    private int length = HeaderLengthBytes;

    /// <param name="isResponse">Whether it answers.</param>
    /// <param name="id">0 in all that is multicast.</param>
    /// <param name="isLegacy">Whether it answers a plain DNS client, who knows no bit for unique records and no long times
    /// (RFC 6762, 6.7).</param>
    public DnsWriter(bool isResponse, ushort id = 0, bool isLegacy = false)
    {
        this.isLegacy = isLegacy;
        BinaryPrimitives.WriteUInt16BigEndian(message, id);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), isResponse ? (ushort)0x8400 : (ushort)0);
    }

    /// <summary>Where a record goes.</summary>
    public enum Section
    {
        Answer = 1,
        Authority = 2,
        Additional = 3,
    }

    public bool IsEmpty => length == HeaderLengthBytes;

    /// <summary>A query's known answers go on in the next message.</summary>
    public void MarkTruncated() => message[2] |= 0x02;

    public bool TryAdd(DnsQuestion question) => TryWrite(0, () =>
        WriteName(question.Name, mayCompress: true) && WriteUInt16((ushort)question.Type) && WriteUInt16(DnsRecord.InternetClass));

    /// <param name="section">Never one before that of an earlier call.</param>
    /// <param name="record">What to say.</param>
    /// <param name="ttlSeconds">For how long; as the record says by default.</param>
    public bool TryAdd(Section section, DnsRecord record, uint? ttlSeconds = null) => TryWrite((int)section, () =>
    {
        uint ttl = ttlSeconds ?? record.TtlSeconds;
        bool isUnique = record.IsUnique && !isLegacy && section != Section.Authority;
        if (!WriteName(record.Name, mayCompress: true) || !WriteUInt16((ushort)record.Type)
            || !WriteUInt16((ushort)(DnsRecord.InternetClass | (isUnique ? 0x8000 : 0)))
            || !WriteUInt16((ushort)((isLegacy ? Math.Min(ttl, 10) : ttl) >> 16))
            || !WriteUInt16((ushort)(isLegacy ? Math.Min(ttl, 10) : ttl)))
            return false;
        int lengthAt = length;
        if (!WriteUInt16(0) || !WriteData(record))
            return false;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(lengthAt), (ushort)(length - lengthAt - 2));
        return true;
    });

    public byte[] ToArray()
    {
        for (int i = 0; i < counts.Length; i++)
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4 + (2 * i)), (ushort)counts[i]);
        return message[..length];
    }

    private bool TryWrite(int section, Func<bool> write)
    {
        int before = length;
        if (write())
        {
            counts[section]++;
            return true;
        }
        length = before;
        foreach (DnsName name in written.Where(n => n.Value >= before).Select(n => n.Key).ToArray())
            written.Remove(name);
        return false;
    }

    private bool WriteData(DnsRecord record) => record.Type switch
    {
        DnsType.Ptr => WriteName(record.Target, mayCompress: true),
        DnsType.Srv => WriteBytes(record.Data.AsSpan(0, 6)) && WriteName(record.Target, mayCompress: !isLegacy),
        _ => WriteBytes(record.Data),
    };

    private bool WriteName(DnsName name, bool mayCompress)
    {
        for (; !name.IsRoot; name = name.Parent)
        {
            if (mayCompress && written.TryGetValue(name, out int at))
                return WriteUInt16((ushort)(0xC000 | at));
            if (length <= PointerReach)
                written.TryAdd(name, length);
            if (!WriteBytes(name.Wire[..(name.Wire[0] + 1)]))
                return false;
        }
        return WriteBytes([0]);
    }

    private bool WriteUInt16(ushort value)
    {
        if (message.Length - length < sizeof(ushort))
            return false;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(length), value);
        length += sizeof(ushort);
        return true;
    }

    private bool WriteBytes(ReadOnlySpan<byte> bytes)
    {
        if (message.Length - length < bytes.Length)
            return false;
        bytes.CopyTo(message.AsSpan(length));
        length += bytes.Length;
        return true;
    }
}
