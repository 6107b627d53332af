using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Crdt.Store.Log;

/// <summary>For every author the highest sequence logged, sorted by author so that equal vectors are equal
/// bytes.</summary>
internal sealed class LogVector
{
    private const int PairLengthBytes = 16 + 8;

    // A header's vector may not make the reader allocate more than this many pairs (24 MB).
    private const int CountMax = 1 << 20;

    private readonly SortedDictionary<Guid, long> sequences = [];

    public int Count => sequences.Count;

    public int EncodedLength => 4 + (sequences.Count * PairLengthBytes);

    public IEnumerable<KeyValuePair<Guid, long>> Pairs => sequences;

    public long this[Guid author] => sequences.GetValueOrDefault(author);

    public void Raise(Guid author, long sequence)
    {
        if (sequence > this[author])
            sequences[author] = sequence;
    }

    public bool IsCoveredBy(LogVector other)
    {
        foreach ((Guid author, long sequence) in sequences)
        {
            if (other[author] < sequence)
                return false;
        }
        return true;
    }

    public void Encode(Span<byte> destination)
    {
        BinaryPrimitives.WriteInt32LittleEndian(destination, sequences.Count);
        destination = destination[4..];
        foreach ((Guid author, long sequence) in sequences)
        {
            author.TryWriteBytes(destination, bigEndian: true, out _);
            BinaryPrimitives.WriteInt64LittleEndian(destination[16..], sequence);
            destination = destination[PairLengthBytes..];
        }
    }

    public static bool TryDecode(ReadOnlySpan<byte> source, [NotNullWhen(true)] out LogVector? vector)
    {
        vector = null;
        if (source.Length < 4)
            return false;
        int count = BinaryPrimitives.ReadInt32LittleEndian(source);
        if (count is < 0 or > CountMax || source.Length != 4 + (count * PairLengthBytes))
            return false;

        vector = new LogVector();
        source = source[4..];
        for (int i = 0; i < count; i++, source = source[PairLengthBytes..])
            vector.sequences[new Guid(source[..16], bigEndian: true)] = BinaryPrimitives.ReadInt64LittleEndian(source[16..]);
        return true;
    }
}
