namespace Crdt.Fuzz;

/// <summary>Makes inputs of seeds: changes that know what MessagePack and a frame look like, beside blind ones.</summary>
public sealed class Mutator(Random random, IReadOnlyList<byte[]> seeds)
{
    private const int LengthBytesMax = 8_192;

    // Items that promise much, are not minimal, nest, are ill-formed, or stand at a border.
    private static readonly byte[][] Items =
    [
        [0xC0], [0xC1], [0xC2], [0xC3], [0x00], [0x7F], [0x80], [0x90], [0xA0], [0xE0], [0xFF], [0xCC, 0x01], [0xCC, 0xFF], [0xCD, 0x00, 0x01],
        [0xCD, 0xFF, 0xFF], [0xCE, 0x00, 0x00, 0x00, 0x01], [0xCE, 0x7F, 0xFF, 0xFF, 0xFF], [0xCE, 0xFF, 0xFF, 0xFF, 0xFF],
        [0xCF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0xCF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        [0xCF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0xD0, 0x80], [0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0], [0xCB, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0],
        [0xCA, 0, 0, 0, 0], [0xA2, 0xC3, 0x28], [0xA3, 0xED, 0xA0, 0x80], [0xD9, 0xFF], [0xDA, 0xFF, 0xFF], [0xDB, 0xFF, 0xFF, 0xFF, 0xFF],
        [0xC4, 0xFF], [0xC5, 0xFF, 0xFF], [0xC6, 0x7F, 0xFF, 0xFF, 0xFF], [0xC6, 0xFF, 0xFF, 0xFF, 0xFF], [0xDC, 0xFF, 0xFF], [0xDD, 0x00, 0x10, 0x00, 0x00],
        [0xDD, 0x7F, 0xFF, 0xFF, 0xFF], [0xDE, 0xFF, 0xFF], [0xDF, 0x7F, 0xFF, 0xFF, 0xFF], [0xD4, 0x01, 0x00], [0xD5, 0x01, 0x00, 0x00], [0xD6, 0xFF, 0, 0, 0, 0],
        [0xC7, 0x0C, 0xFF], [0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x90],
    ];

    /// <summary>The next input.</summary>
    public byte[] Next()
    {
        byte[] input = Pick();
        for (int changes = 1 + (random.Next(4) == 0 ? random.Next(6) : random.Next(2)); changes > 0; changes--) input = Change(input);
        return input.Length <= LengthBytesMax ? input : input[..LengthBytesMax];
    }

    private byte[] Pick() => seeds[random.Next(seeds.Count)];

    private byte[] Change(byte[] from)
    {
        if (from.Length == 0) return Items[random.Next(Items.Length)];
        int at = random.Next(from.Length);
        switch (random.Next(11))
        {
            case 0:
                return Put(from, at, (byte)(from[at] ^ (1 << random.Next(8))));
            case 1:
                return Put(from, at, (byte)random.Next(256));
            case 2:
                return Put(from, at, (byte)(from[at] + (random.Next(2) == 0 ? 1 : -1)));
            case 3:
                return from[..at];
            case 4:
                return Splice(from, at, Math.Min(from.Length, at + 1 + random.Next(8)), []);
            case 5:
                int end = Math.Min(from.Length, at + 1 + random.Next(32));
                return Splice(from, at, at, from.AsSpan(at, end - at));
            case 6:
                byte[] other = Pick();
                int cut = random.Next(other.Length + 1);
                return [.. from.AsSpan(0, at), .. other.AsSpan(cut)];
            case 7:
                return Splice(from, at, at, Items[random.Next(Items.Length)]);
            case 8:
                // An item in the place of another one.
                return Splice(from, at, Math.Min(from.Length, at + ItemLength(from, at)), Items[random.Next(Items.Length)]);
            case 9:
                // An item of somewhere else.
                byte[] source = Pick();
                if (source.Length == 0) return from;
                int start = random.Next(source.Length), length = Math.Min(ItemLength(source, start), source.Length - start);
                return Splice(from, at, Math.Min(from.Length, at + ItemLength(from, at)), source.AsSpan(start, length));
            default:
                // A length in the first four bytes that is right again.
                byte[] framed = Put(from, at, (byte)random.Next(256));
                if (framed.Length >= 6) System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(framed, (uint)(framed.Length - 4));
                return framed;
        }
    }

    private static byte[] Put(byte[] from, int at, byte value)
    {
        byte[] changed = [.. from];
        changed[at] = value;
        return changed;
    }

    private static byte[] Splice(byte[] from, int start, int end, ReadOnlySpan<byte> with) => [.. from.AsSpan(0, start), .. with, .. from.AsSpan(end)];

    /// <summary>Bytes of the scalar that seems to stand there.</summary>
    private static int ItemLength(byte[] bytes, int at) => bytes[at] switch
    {
        >= 0xA0 and < 0xC0 and var s => 1 + (s & 31),
        0xCC or 0xD0 => 2,
        0xCD or 0xD1 or 0xDC or 0xDE => 3,
        0xCE or 0xD2 or 0xCA or 0xDD or 0xDF => 5,
        0xCF or 0xD3 or 0xCB => 9,
        0xC4 or 0xD9 when at + 1 < bytes.Length => 2 + bytes[at + 1],
        _ => 1,
    };
}
