using System.Buffers;
using System.Text;

namespace FieldMap.Geo;

/// <summary>Writes what a vector tile needs of Protocol Buffers.</summary>
internal sealed class Protobuf
{
    private const int Number = 0, Bytes = 2;

    private readonly ArrayBufferWriter<byte> output = new();

    public ReadOnlySpan<byte> Written => output.WrittenSpan;

    public void Put(int field, ulong number)
    {
        Varint((ulong)(field << 3 | Number));
        Varint(number);
    }

    public void Put(int field, string text) => Put(field, Encoding.UTF8.GetBytes(text));

    public void Put(int field, ReadOnlySpan<byte> bytes)
    {
        Varint((ulong)(field << 3 | Bytes));
        Varint((ulong)bytes.Length);
        output.Write(bytes);
    }

    public void Put(int field, IEnumerable<uint> numbers)
    {
        var packed = new Protobuf();
        foreach (uint number in numbers) packed.Varint(number);
        Put(field, packed.Written);
    }

    private void Varint(ulong number)
    {
        for (; number >= 0x80; number >>= 7) output.Write([(byte)(number | 0x80)]);
        output.Write([(byte)number]);
    }
}
