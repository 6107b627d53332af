using System.Buffers.Binary;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>Reads a message that anybody may have sent. Work and memory are bounded by its length: a name takes at most so
/// many steps, and points backwards only.</summary>
internal ref struct DnsReader
{
    public const int LengthBytesMax = 9_000;
    public const int RecordsMax = 256;

    private const int HeaderLengthBytes = 12;
    private const int PointersMax = 32;
    private const byte PointerBits = 0xC0;
    private const ushort UniqueBit = 0x8000;

    private readonly ReadOnlySpan<byte> message;
    private int at;

    private DnsReader(ReadOnlySpan<byte> message)
    {
        this.message = message;
        at = HeaderLengthBytes;
    }

    /// <summary>Reads a message.</summary>
    /// <returns><see langword="null"/> when it is none, exceeds a limit, or is of another kind than query or response.
    /// </returns>
    public static DnsMessage? TryRead(ReadOnlySpan<byte> message)
    {
        if (message.Length is < HeaderLengthBytes or > LengthBytesMax)
            return null;
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(message[2..]);
        // Operation and result must be 0 (RFC 6762, 18.3 and 18.11).
        if ((flags & 0x780F) != 0)
            return null;
        Span<int> counts = stackalloc int[4];
        int total = 0;
        for (int i = 0; i < counts.Length; i++)
            total += counts[i] = BinaryPrimitives.ReadUInt16BigEndian(message[(4 + (2 * i))..]);
        if (total > RecordsMax)
            return null;

        var reader = new DnsReader(message);
        var questions = new List<DnsQuestion>(counts[0]);
        for (int i = 0; i < counts[0]; i++)
        {
            if (!reader.TryReadQuestion(questions))
                return null;
        }
        var sections = new List<DnsRecord>[3];
        for (int s = 0; s < sections.Length; s++)
        {
            sections[s] = [];
            for (int i = 0; i < counts[s + 1]; i++)
            {
                if (!reader.TryReadRecord(sections[s]))
                    return null;
            }
        }
        return new DnsMessage
        {
            Id = BinaryPrimitives.ReadUInt16BigEndian(message),
            IsResponse = (flags & 0x8000) != 0,
            IsTruncated = (flags & 0x0200) != 0,
            Questions = questions,
            Answers = sections[0],
            Authorities = sections[1],
            Additionals = sections[2],
        };
    }

    private bool TryReadQuestion(List<DnsQuestion> questions)
    {
        if (!TryReadName(out DnsName name) || !TryReadUInt16(out ushort type) || !TryReadUInt16(out ushort @class))
            return false;
        // The wish for a unicast answer is passed over: that would reach one of several processes on the port.
        if ((@class & ~UniqueBit) is DnsRecord.InternetClass or (int)DnsType.Any)
            questions.Add(new DnsQuestion(name, (DnsType)type));
        return true;
    }

    private bool TryReadRecord(List<DnsRecord> records)
    {
        if (!TryReadName(out DnsName name) || !TryReadUInt16(out ushort type) || !TryReadUInt16(out ushort @class)
            || !TryReadUInt16(out ushort ttlHigh) || !TryReadUInt16(out ushort ttlLow) || !TryReadUInt16(out ushort length)
            || length > message.Length - at)
            return false;
        int end = at + length;
        if (!TryReadData((DnsType)type, end, out byte[]? data) || at > end)
            return false;
        at = end;
        if (data is not null && (@class & ~UniqueBit) == DnsRecord.InternetClass)
        {
            uint ttl = ((uint)ttlHigh << 16) | ttlLow;
            records.Add(new DnsRecord(name, (DnsType)type, ttl, (@class & UniqueBit) != 0, data));
        }
        return true;
    }

    private bool TryReadData(DnsType type, int end, out byte[]? data)
    {
        data = null;
        ReadOnlySpan<byte> raw = message[at..end];
        switch (type)
        {
            case DnsType.Ptr:
                if (!TryReadName(out DnsName target) || at != end)
                    return false;
                data = target.Wire.ToArray();
                return true;
            case DnsType.Srv:
                if (raw.Length < 7)
                    return false;
                at += 6;
                if (!TryReadName(out DnsName host) || at != end)
                    return false;
                data = [.. raw[..6], .. host.Wire];
                return true;
            case DnsType.A when raw.Length != 4:
            case DnsType.Aaaa when raw.Length != 16:
            case DnsType.Txt when !IsText(raw):
                return false;
            default:
                data = raw.ToArray();
                return true;
        }
    }

    private static bool IsText(ReadOnlySpan<byte> strings)
    {
        if (strings.IsEmpty)
            return false;
        while (!strings.IsEmpty)
        {
            if (strings[0] >= strings.Length)
                return false;
            strings = strings[(strings[0] + 1)..];
        }
        return true;
    }

    private bool TryReadName(out DnsName name)
    {
        name = default;
        Span<byte> wire = stackalloc byte[DnsName.LengthBytesMax];
        int length = 0;
        int from = at;
        int pointers = 0;
        int? next = null;
        while (true)
        {
            if (from >= message.Length)
                return false;
            byte head = message[from];
            if ((head & PointerBits) == PointerBits)
            {
                if (from + 1 >= message.Length || ++pointers > PointersMax)
                    return false;
                int to = ((head & ~PointerBits) << 8) | message[from + 1];
                // Strictly backwards, and never into the header: it ends.
                if (to >= from || to < HeaderLengthBytes)
                    return false;
                next ??= from + 2;
                from = to;
                continue;
            }
            if ((head & PointerBits) != 0 || from + 1 + head > message.Length || length + 1 + head > wire.Length)
                return false;
            message.Slice(from, head + 1).CopyTo(wire[length..]);
            length += head + 1;
            from += head + 1;
            if (head == 0)
                break;
        }
        at = next ?? from;
        name = DnsName.FromTrusted(wire[..length]);
        return true;
    }

    private bool TryReadUInt16(out ushort value)
    {
        value = 0;
        if (message.Length - at < sizeof(ushort))
            return false;
        value = BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
        at += sizeof(ushort);
        return true;
    }
}
