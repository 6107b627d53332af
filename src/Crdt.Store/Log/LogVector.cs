using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Crdt.Store.Log;

/// <summary>For every author the highest sequence that an entry of the log brought, and who writes it: a vector that grows with each append. Sorted
/// by author, so that equal vectors are equal bytes.</summary>
internal sealed class LogVector
{
    private const int PairLengthBytes = ReplicaId.LengthBytes + 8;

    // A header's vector may not make the reader allocate more than this many pairs (24 MB).
    private const int CountMax = 1 << 20;

    private readonly SortedDictionary<ReplicaId, long> sequences = [];

    public int EncodedLength => ReplicaId.LengthBytes + 4 + (sequences.Count * PairLengthBytes);

    /// <summary>Who writes the log, once it is somebody else than the log was created for; else empty.</summary>
    public ReplicaId Writer { get; private set; }

    public long this[ReplicaId author] => sequences.GetValueOrDefault(author);

    /// <summary>Includes an entry of the log.</summary>
    public void Include(in LogEntry entry)
    {
        switch (entry.Kind)
        {
            case LogEntryKind.Batch:
                Raise(entry.Author, entry.LastSequence);
                break;
            case LogEntryKind.Identity:
                Writer = entry.Author;
                break;
            default:
                foreach (Dot dot in entry.Reaches())
                    Raise(dot.Replica, dot.Sequence);
                break;
        }
    }

    private void Raise(ReplicaId author, long sequence)
    {
        if (sequence > this[author])
            sequences[author] = sequence;
    }

    public bool IsCoveredBy(VersionVector other)
    {
        foreach ((ReplicaId author, long sequence) in sequences)
        {
            if (other[author] < sequence)
                return false;
        }
        return true;
    }

    public void Encode(Span<byte> destination)
    {
        Writer.WriteBytes(destination);
        destination = destination[ReplicaId.LengthBytes..];
        BinaryPrimitives.WriteInt32LittleEndian(destination, sequences.Count);
        destination = destination[4..];
        foreach ((ReplicaId author, long sequence) in sequences)
        {
            author.WriteBytes(destination);
            BinaryPrimitives.WriteInt64LittleEndian(destination[ReplicaId.LengthBytes..], sequence);
            destination = destination[PairLengthBytes..];
        }
    }

    public static bool TryDecode(ReadOnlySpan<byte> source, [NotNullWhen(true)] out LogVector? vector)
    {
        vector = null;
        if (source.Length < ReplicaId.LengthBytes + 4)
            return false;
        var writer = ReplicaId.FromBytes(source[..ReplicaId.LengthBytes]);
        source = source[ReplicaId.LengthBytes..];
        int count = BinaryPrimitives.ReadInt32LittleEndian(source);
        if (count is < 0 or > CountMax || source.Length != 4 + (count * PairLengthBytes))
            return false;

        vector = new LogVector { Writer = writer };
        source = source[4..];
        for (int i = 0; i < count; i++, source = source[PairLengthBytes..])
        {
            var author = ReplicaId.FromBytes(source[..ReplicaId.LengthBytes]);
            vector.sequences[author] = BinaryPrimitives.ReadInt64LittleEndian(source[ReplicaId.LengthBytes..]);
        }
        return true;
    }
}
