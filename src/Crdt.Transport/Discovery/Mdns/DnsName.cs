using System.Text;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>A domain name: labels of 1 to 63 bytes, at most 255 bytes with their lengths and the end. Equality and hash are
/// blind to the case of ASCII letters (RFC 6762, 16); <c>default</c> is the root.</summary>
internal readonly struct DnsName : IEquatable<DnsName>
{
    public const int LengthBytesMax = 255;
    public const int LabelLengthBytesMax = 63;

    private static readonly byte[] RootBytes = [0];

    private readonly byte[]? wire;

    private DnsName(byte[] wire) => this.wire = wire;

    /// <summary>As it stands in a message, without compression.</summary>
    public ReadOnlySpan<byte> Wire => wire ?? RootBytes;

    public bool IsRoot => Wire.Length == 1;

    /// <summary>Its first label; empty of the root.</summary>
    public string FirstLabel => Encoding.UTF8.GetString(Wire.Slice(1, Wire[0]));

    /// <summary>Without the first label; the root of the root.</summary>
    public DnsName Parent => IsRoot ? default : new DnsName(Wire[(Wire[0] + 1)..].ToArray());

    /// <summary>Makes a name.</summary>
    /// <exception cref="ArgumentException">A label, or all together, is empty or too long.</exception>
    public static DnsName Of(params ReadOnlySpan<string> labels)
    {
        DnsName name = default;
        for (int i = labels.Length - 1; i >= 0; i--)
            name = name.Under(labels[i]);
        return name;
    }

    /// <summary>Puts a label in front.</summary>
    /// <exception cref="ArgumentException">It, or all together, is empty or too long.</exception>
    public DnsName Under(string label)
    {
        int length = Encoding.UTF8.GetByteCount(label);
        if (length is 0 or > LabelLengthBytesMax || Wire.Length + length + 1 > LengthBytesMax)
            throw new ArgumentException($"'{label}' under '{this}' is no domain name.", nameof(label));
        var bytes = new byte[1 + length + Wire.Length];
        bytes[0] = (byte)length;
        Encoding.UTF8.GetBytes(label, bytes.AsSpan(1));
        Wire.CopyTo(bytes.AsSpan(1 + length));
        return new DnsName(bytes);
    }

    /// <summary>Takes bytes that were checked: labels and an end.</summary>
    public static DnsName FromTrusted(ReadOnlySpan<byte> wire) => wire.Length <= 1 ? default : new DnsName(wire.ToArray());

    public bool Equals(DnsName other) => EqualFolded(Wire, other.Wire);

    public override bool Equals(object? obj) => obj is DnsName other && Equals(other);

    public override int GetHashCode()
    {
        // Lengths are below 64 and never letters, so folding the whole is folding the labels.
        uint hash = 2166136261;
        foreach (byte b in Wire)
            hash = (hash ^ Fold(b)) * 16777619;
        return (int)hash;
    }

    public override string ToString()
    {
        if (IsRoot)
            return ".";
        var text = new StringBuilder();
        for (int at = 0; Wire[at] != 0; at += Wire[at] + 1)
        {
            string label = Encoding.UTF8.GetString(Wire.Slice(at + 1, Wire[at]));
            text.Append(label.Replace(".", "\\.", StringComparison.Ordinal)).Append('.');
        }
        return text.ToString();
    }

    public static bool operator ==(DnsName left, DnsName right) => left.Equals(right);

    public static bool operator !=(DnsName left, DnsName right) => !left.Equals(right);

    internal static bool EqualFolded(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length)
            return false;
        for (int i = 0; i < a.Length; i++)
        {
            if (Fold(a[i]) != Fold(b[i]))
                return false;
        }
        return true;
    }

    private static byte Fold(byte b) => b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b;
}
