namespace Crdt.Properties;

/// <summary>Everything that differs from some bytes in one place: each byte in turn changed to what means something to
/// MessagePack, left out, told twice, or the last.</summary>
internal static class Neighbours
{
    // nil, booleans, headers of binaries, arrays, maps, strings, extensions, integers; small ones, long ones, cut off.
    private static readonly byte[] Telling =
    [
        0x00, 0x01, 0x02, 0x03, 0x05, 0x0F, 0x10, 0x11, 0x40, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x91, 0x92, 0x93, 0x9F, 0xA0, 0xA1, 0xBF,
        0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD3, 0xD4, 0xD5, 0xD9, 0xDA, 0xDC, 0xDD,
        0xDE, 0xDF, 0xE0, 0xFF,
    ];

    /// <param name="bytes">What is changed; stays as it is.</param>
    /// <param name="from">Bytes before this are spared.</param>
    public static IEnumerable<byte[]> Of(byte[] bytes, int from = 0)
    {
        for (int at = from; at < bytes.Length; at++)
        {
            yield return bytes[..at];
            yield return [.. bytes[..at], .. bytes[(at + 1)..]];
            yield return [.. bytes[..at], bytes[at], .. bytes[at..]];
            byte was = bytes[at];
            foreach (byte value in Telling.Append((byte)(was + 1)).Append((byte)(was - 1)).Append((byte)(was ^ 0x80)).Distinct())
            {
                if (value == was) continue;
                byte[] changed = [.. bytes];
                changed[at] = value;
                yield return changed;
            }
        }
    }
}
