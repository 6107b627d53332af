using System.Buffers;

namespace Crdt.Fuzz;

/// <summary>A batch at some place in some log.</summary>
internal sealed class BatchTarget : FuzzTarget
{
    private static readonly ReplicaId Author = ReplicaId.FromRandom(new byte[16]);

    private static readonly ColumnUnpacker Unpacker = new();

    private readonly BatchReader reader = new();
    private readonly BatchWriter writer = new();
    private readonly BatchColumns columns = new();

    public override string Name => "batch";

    public override IReadOnlyList<byte[]> Seeds { get; } =
        [.. Corpus.Vectors("batches.json", "stored"), .. Corpus.Vectors("refused.json", "stored"), .. Corpus.Found("batch")];

    /// <summary>What is packed tells its length, at most 1 MiB, and takes as much.</summary>
    public override long AllocatedBytesMax(int lengthBytes) => (2L * FormatLimits.BatchLengthBytesMax) + (64L * lengthBytes);

    public override bool Run(byte[] input)
    {
        long first = 1 + (input.Length > 3 ? input[^1] * 100L : 0);
        try
        {
            reader.Read(input, Author, first, columns);
        }
        catch (BatchFormatException)
        {
            return false;
        }
        Same(Unpack(input), Unpack(writer.Write(columns, first)), "A batch is not written as it was read.");
        return true;
    }

    private static byte[] Unpack(byte[] stored)
    {
        byte[] plain = BatchReader.Unpack(stored, out byte[]? rented, Unpacker).ToArray();
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return plain;
    }
}
