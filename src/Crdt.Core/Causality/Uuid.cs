namespace Crdt;

/// <summary>The one place that sets the version and variant bits of a UUID (RFC 9562, section 5.4).</summary>
internal static class Uuid
{
    public static Guid Version4(ReadOnlySpan<byte> bytes)
    {
        Span<byte> b = stackalloc byte[16];
        bytes.CopyTo(b);
        b[6] = (byte)((b[6] & 0x0F) | 0x40);
        b[8] = (byte)((b[8] & 0x3F) | 0x80);
        return new Guid(b, bigEndian: true);
    }
}
