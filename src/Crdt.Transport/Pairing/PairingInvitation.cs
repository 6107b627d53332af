using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Crdt.Transport.Security;

namespace Crdt.Transport.Pairing;

/// <summary>An invitation to a space, as text: to be shown as a QR code, sent, or carried in a file. Whoever has it first
/// is let in.</summary>
/// <param name="Node">Whom to dial: the device that answers must hold this key.</param>
/// <param name="Token">The one-time secret, <see cref="TokenLengthBytes"/> bytes; never sent.</param>
/// <param name="Addresses">Where the device may be reached, <see cref="AddressesMax"/> at most.</param>
/// <param name="Expires">Until when it is honoured, to the second; by the inviting device's clock.</param>
public sealed record PairingInvitation(
    NodeFingerprint Node, ReadOnlyMemory<byte> Token, IReadOnlyList<EndPoint> Addresses, DateTimeOffset Expires)
{
    /// <summary>How an invitation's text begins.</summary>
    public const string Scheme = "crdt-pair:";

    /// <summary>Bytes of a token: more than can ever be tried.</summary>
    public const int TokenLengthBytes = 16;

    /// <summary>Addresses in one invitation.</summary>
    public const int AddressesMax = 16;

    private const int LengthMax = 2_048;
    private const string Version = "1";

    /// <summary>A fresh token.</summary>
    public static byte[] NewToken() => RandomNumberGenerator.GetBytes(TokenLengthBytes);

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <returns>Whether it was that.</returns>
    public static bool TryParse(string? text, out PairingInvitation? invitation)
    {
        invitation = null;
        text = text?.Trim();
        if (text is null || text.Length > LengthMax
            || !text.StartsWith($"{Scheme}{Version}?", StringComparison.Ordinal)) return false;
        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string part in text[(text.IndexOf('?', StringComparison.Ordinal) + 1)..].Split('&'))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !parts.TryAdd(part[..equals], part[(equals + 1)..])) return false;
        }
        EndPoint?[] addresses = [.. parts.GetValueOrDefault("a", "").Split(',').Select(Address)];
        if (!NodeFingerprint.TryParse(parts.GetValueOrDefault("id"), out NodeFingerprint node)
            || !Base32.TryRead(parts.GetValueOrDefault("t"), TokenLengthBytes, out byte[] token)
            || addresses.Length > AddressesMax || Array.Exists(addresses, a => a is null)
            || !long.TryParse(parts.GetValueOrDefault("x"), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds()) return false;
        invitation = new PairingInvitation(node, token, addresses!, DateTimeOffset.FromUnixTimeSeconds(seconds));
        return true;
    }

    /// <summary>The text: <c>crdt-pair:1?id=…&amp;t=…&amp;a=host:port,…&amp;x=seconds</c>. It contains the secret.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Scheme}{Version}?id={Node}&t={Base32.Write(Token.Span)}&a={string.Join(',', Addresses.Select(PeerNode.NameOf))}&x={Expires.ToUnixTimeSeconds()}");

    private static EndPoint? Address(string text)
    {
        if (IPEndPoint.TryParse(text, out IPEndPoint? endPoint)) return endPoint.Port == 0 ? null : endPoint;
        int colon = text.LastIndexOf(':');
        return colon > 0 && Uri.CheckHostName(text[..colon]) == UriHostNameType.Dns
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0
            ? new DnsEndPoint(text[..colon], port)
            : null;
    }
}
