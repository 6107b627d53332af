namespace Crdt.Transport.Security;

/// <summary>Base32 (RFC 4648) in lower case, without padding: what people can read out and type.</summary>
internal static class Base32
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int BitsPerLetter = 5;

    public static string Write(ReadOnlySpan<byte> bytes)
    {
        var text = new char[((bytes.Length * 8) + BitsPerLetter - 1) / BitsPerLetter];
        int held = 0, bits = 0, at = 0;
        foreach (byte b in bytes)
        {
            held = (held << 8) | b;
            for (bits += 8; bits >= BitsPerLetter; bits -= BitsPerLetter)
                text[at++] = Alphabet[(held >> (bits - BitsPerLetter)) & 31];
            held &= (1 << bits) - 1;
        }
        if (bits > 0)
            text[at] = Alphabet[(held << (BitsPerLetter - bits)) & 31];
        return new string(text);
    }

    /// <summary>Reads exactly so many bytes, in either case.</summary>
    /// <returns>Whether the text was that, and the only way to write it.</returns>
    public static bool TryRead(string? text, int lengthBytes, out byte[] bytes)
    {
        bytes = new byte[lengthBytes];
        if (text is null || text.Length != ((lengthBytes * 8) + BitsPerLetter - 1) / BitsPerLetter)
            return false;
        int held = 0, bits = 0, at = 0;
        foreach (char letter in text)
        {
            int value = Alphabet.IndexOf(char.ToLowerInvariant(letter), StringComparison.Ordinal);
            if (value < 0)
                return false;
            held = (held << BitsPerLetter) | value;
            bits += BitsPerLetter;
            if (bits < 8)
                continue;
            bits -= 8;
            bytes[at++] = (byte)(held >> bits);
            held &= (1 << bits) - 1;
        }
        return held == 0;
    }
}
