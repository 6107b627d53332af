using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Crdt.Store.Postgres;

/// <summary>What a log holds: for every author the highest sequence, and where its snapshots are. For any thread.</summary>
internal sealed class LogReach
{
    private const int PairLengthBytes = ReplicaId.LengthBytes + 8;

    private readonly Lock gate = new();
    private readonly Dictionary<ReplicaId, long> reached = [];
    private readonly List<(long Place, VersionVector Vector)> snapshots = [];

    /// <summary>The highest sequence of an author.</summary>
    public long this[ReplicaId author]
    {
        get
        {
            lock (gate) return reached.GetValueOrDefault(author);
        }
    }

    /// <summary>Takes an entry of the log.</summary>
    public void Include(LogEntryKind kind, ReplicaId author, long lastSequence, long place, ReadOnlyMemory<byte> payload)
    {
        lock (gate)
        {
            if (kind == LogEntryKind.Batch) Raise(new Dot(author, lastSequence));
            if (kind != LogEntryKind.Snapshot) return;
            VersionVector vector = SnapshotVector(payload);
            foreach (Dot dot in vector) Raise(dot);
            snapshots.Add((place, vector));
        }
    }

    /// <summary>Who has more in the log than a vector covers, and from which sequence on.</summary>
    public List<Dot> Beyond(VersionVector covered)
    {
        lock (gate)
            return [.. reached.Where(r => r.Value > covered[r.Key]).Select(r => new Dot(r.Key, covered[r.Key]))];
    }

    /// <summary>The first place of a snapshot that is of a kind.</summary>
    public long? FindSnapshot(Func<VersionVector, bool> isWanted)
    {
        lock (gate)
        {
            foreach ((long place, VersionVector vector) in snapshots)
            {
                if (isWanted(vector)) return place;
            }
            return null;
        }
    }

    /// <summary>Forgets the snapshots before a place.</summary>
    public void Drop(long before)
    {
        lock (gate) snapshots.RemoveAll(s => s.Place < before);
    }

    /// <summary>As bytes; of the snapshots their places alone.</summary>
    public byte[] Encode()
    {
        lock (gate)
        {
            byte[] bytes = new byte[8 + (reached.Count * PairLengthBytes) + (snapshots.Count * 8)];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, reached.Count);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), snapshots.Count);
            Span<byte> rest = bytes.AsSpan(8);
            foreach ((ReplicaId author, long sequence) in reached.OrderBy(r => r.Key))
            {
                author.WriteBytes(rest);
                BinaryPrimitives.WriteInt64LittleEndian(rest[ReplicaId.LengthBytes..], sequence);
                rest = rest[PairLengthBytes..];
            }
            foreach ((long place, VersionVector _) in snapshots)
            {
                BinaryPrimitives.WriteInt64LittleEndian(rest, place);
                rest = rest[8..];
            }
            return bytes;
        }
    }

    /// <summary>Reads what was encoded.</summary>
    /// <param name="bytes">The bytes; none for nothing.</param>
    /// <param name="places">Where snapshots are, each to be included again.</param>
    /// <exception cref="StoreException">They are damaged.</exception>
    public static LogReach Decode(ReadOnlySpan<byte> bytes, out List<long> places)
    {
        var reach = new LogReach();
        places = [];
        if (bytes.IsEmpty) return reach;
        if (bytes.Length < 8) ThrowDamaged();
        int authors = BinaryPrimitives.ReadInt32LittleEndian(bytes), count = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        if (authors < 0 || count < 0 || bytes.Length != 8 + ((long)authors * PairLengthBytes) + (count * 8L)) ThrowDamaged();
        bytes = bytes[8..];
        for (int i = 0; i < authors; i++, bytes = bytes[PairLengthBytes..])
            reach.reached[ReplicaId.FromBytes(bytes[..ReplicaId.LengthBytes])] = BinaryPrimitives.ReadInt64LittleEndian(bytes[ReplicaId.LengthBytes..]);
        for (int i = 0; i < count; i++, bytes = bytes[8..]) places.Add(BinaryPrimitives.ReadInt64LittleEndian(bytes));
        return reach;
    }

    private static VersionVector SnapshotVector(ReadOnlyMemory<byte> payload) =>
        VersionVector.From(new LogEntry(LogEntryKind.Snapshot, default, 0, 0, payload).Reaches());

    [DoesNotReturn]
    private static void ThrowDamaged() =>
        throw new StoreException(StoreError.LogDamaged, "What the log's vector was written as is none: the row crdt_projection.reach is damaged.");

    private void Raise(Dot dot)
    {
        if (dot.Sequence > reached.GetValueOrDefault(dot.Replica)) reached[dot.Replica] = dot.Sequence;
    }
}
