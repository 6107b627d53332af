using System.Buffers;
using Crdt.Transport.Sessions;

namespace Crdt.Fuzz;

/// <summary>A packed message, that begins a stream and that goes on with one.</summary>
internal sealed class PackedTarget : FuzzTarget
{
    private const int LengthBytesMax = 4_096;

    public override string Name => "packed";

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. Packed(), .. Corpus.Found("packed")];

    public override bool Run(byte[] input)
    {
        bool isTaken = false;
        foreach (bool isAnew in new[] { true, false })
        {
            using var unpacker = new MessageUnpacker();
            try
            {
                if (!isAnew) unpacker.Unpack(new ReadOnlySequence<byte>(Packed()[0]), isAnew: true, LengthBytesMax);
                int length = unpacker.Unpack(new ReadOnlySequence<byte>(input), isAnew, LengthBytesMax).Length;
                if (length is 0 or > LengthBytesMax) throw new FuzzException($"A message unpacked to {length} bytes.");
                isTaken = true;
            }
            catch (InvalidDataException)
            {
                // The error for that.
            }
        }
        return isTaken;
    }

    private static List<byte[]> Packed()
    {
        using var packer = new MessagePacker();
        return [.. Corpus.Vectors("messages.json", "bytes").Where(static m => m.Length is > 0 and <= LengthBytesMax).Take(20)
            .Select(message => packer.Pack(message, out _).ToArray())];
    }
}
