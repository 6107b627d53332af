namespace Crdt;

/// <summary>What follows the first byte of a MessagePack token: a number of so many bytes, then text or other bytes.</summary>
internal static class TokenShape
{
    /// <summary>What follows the number.</summary>
    public enum Tail : byte
    {
        /// <summary>Nothing.</summary>
        None,

        /// <summary>Text, as long as the first byte says.</summary>
        ShortText,

        /// <summary>Text, as long as the number says.</summary>
        Text,

        /// <summary>Bytes, as many as the number says.</summary>
        Bytes,

        /// <summary>Bytes, as many as the number says before its last byte, which is an extension's type.</summary>
        Extension,
    }

    /// <summary>Bits of the first byte that tell the length of a short text.</summary>
    public const int ShortTextMask = 31;

    /// <summary>By the first byte: in the lower five bits how many bytes its number takes, above them its <see cref="Tail"/>.</summary>
    public static ReadOnlySpan<byte> Shapes => Table;

    private static readonly byte[] Table = Make();

    /// <summary>Whether nothing follows any of these first bytes.</summary>
    public static bool AreBare(ReadOnlySpan<byte> firstBytes) => !firstBytes.ContainsAnyInRange((byte)0xA0, (byte)0xDF);

    public static int NumberLengthBytes(byte shape) => shape & 31;

    public static Tail TailOf(byte shape) => (Tail)(shape >> 5);

    private static byte[] Make()
    {
        byte[] shapes = new byte[256];
        shapes.AsSpan(0xA0, 32).Fill(Of(0, Tail.ShortText));
        for (int size = 0; size < 3; size++)
        {
            shapes[0xC4 + size] = Of(1 << size, Tail.Bytes);
            shapes[0xC7 + size] = Of((1 << size) + 1, Tail.Extension);
            shapes[0xD9 + size] = Of(1 << size, Tail.Text);
        }
        for (int size = 0; size < 4; size++)
        {
            shapes[0xCC + size] = Of(1 << size, Tail.None);
            shapes[0xD0 + size] = Of(1 << size, Tail.None);
        }
        (shapes[0xCA], shapes[0xCB]) = (Of(4, Tail.None), Of(8, Tail.None));
        // Extensions of a fixed length: the type and the content together.
        for (int size = 0; size < 5; size++) shapes[0xD4 + size] = Of(1 + (1 << size), Tail.None);
        for (int size = 0; size < 2; size++)
        {
            shapes[0xDC + size] = Of(2 << size, Tail.None);
            shapes[0xDE + size] = Of(2 << size, Tail.None);
        }
        return shapes;
    }

    private static byte Of(int numberLengthBytes, Tail tail) => (byte)(numberLengthBytes | ((int)tail << 5));
}
