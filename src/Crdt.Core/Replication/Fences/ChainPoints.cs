using System.Buffers.Binary;

namespace Crdt;

/// <summary>Where an author's chain passed through on its way to a snapshot's head: enough to tell whether a shorter log is
/// the beginning of that one, when the log itself is gone. Layout: docs/wire-format.md, WF-8.1.</summary>
/// <param name="bytes">Empty, or the sequence from which on every batch's end is named, then for each named one its sequence
/// and the first eight bytes of the chain's hash there, ascending.</param>
internal readonly struct ChainPoints(ReadOnlyMemory<byte> bytes)
{
    /// <summary>Points of one author: the newest three quarters without a gap, older ones ever more seldom.</summary>
    public const int CountMax = 256;

    // Of all authors of a snapshot together: a quarter of what a manifest may take.
    private const int AllCountMax = 16_384;
    private const int WordLengthBytes = 8, PointLengthBytes = 2 * WordLengthBytes;

    /// <summary>The longest encoding.</summary>
    public const int LengthBytesMax = WordLengthBytes + (CountMax * PointLengthBytes);

    private int Count => bytes.IsEmpty ? 0 : (bytes.Length - WordLengthBytes) / PointLengthBytes;

    private long WholeFrom => bytes.IsEmpty ? long.MaxValue : BinaryPrimitives.ReadInt64BigEndian(bytes.Span);

    /// <summary>Whether the bytes are points before a head.</summary>
    public static bool AreValid(ReadOnlySpan<byte> bytes, long before)
    {
        if (bytes.IsEmpty) return true;
        if (bytes.Length < WordLengthBytes || (bytes.Length - WordLengthBytes) % PointLengthBytes != 0
            || BinaryPrimitives.ReadInt64BigEndian(bytes) < 0) return false;
        long last = 0;
        for (ReadOnlySpan<byte> rest = bytes[WordLengthBytes..]; !rest.IsEmpty; rest = rest[PointLengthBytes..])
        {
            long sequence = BinaryPrimitives.ReadInt64BigEndian(rest);
            if (sequence <= last || sequence >= before) return false;
            last = sequence;
        }
        return true;
    }

    /// <summary>Whether the chain passed through a place below the head; <see langword="null"/> where that is not told.</summary>
    public bool? Tells(long sequence, ReadOnlySpan<byte> hash)
    {
        if (sequence == 0) return true;
        (int low, int high) = (0, Count - 1);
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            ReadOnlySpan<byte> point = bytes.Span[(WordLengthBytes + (middle * PointLengthBytes))..];
            long at = BinaryPrimitives.ReadInt64BigEndian(point);
            if (at == sequence) return point.Slice(WordLengthBytes, WordLengthBytes).SequenceEqual(hash[..WordLengthBytes]);
            if (at < sequence) low = middle + 1;
            else high = middle - 1;
        }
        // Where every end is named, what is not named is none.
        return sequence >= WholeFrom ? false : null;
    }

    /// <summary>Adds to the heads of a snapshot that is being made what leads to them.</summary>
    /// <param name="writer">Who makes it.</param>
    /// <param name="store">Its log.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="end">Where the log ended at that moment.</param>
    public static SnapshotHead[] AddTo(ReplicaWriter writer, IReplicaStore store, IReadOnlyList<SnapshotHead> heads, LogPosition end)
    {
        Dictionary<ReplicaId, Trail> trails = heads.ToDictionary(static h => h.Author, static h => new Trail(h.Author));
        LogPosition from = store.LogStart;
        var vector = VersionVector.From(heads.Select(static h => new Dot(h.Author, h.Sequence)));
        if (writer.Snapshots.Held.LastOrDefault(s => vector.Covers(s.Vector) && s.ManifestFrom < end && !writer.IsBeyondFence(s)) is { } last
            && writer.Snapshots.TryReadManifest(last) is { } manifest)
        {
            Leap(trails, manifest);
            from = store.FindStart(last.Vector);
        }
        foreach (LoggedEntry logged in store.ReadLog(from))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Snapshot)
            {
                SnapshotManifest joined = SnapshotManifest.Decode(entry.Payload);
                if (vector.Covers(joined.Vector)) Leap(trails, joined);
            }
            else if (entry.Kind == LogEntryKind.Batch && !writer.Fences.IsVoid(entry) && trails.TryGetValue(entry.Author, out Trail? trail))
                trail.Add(entry);
        }
        int count = Math.Min(CountMax, AllCountMax / Math.Max(1, heads.Count));
        return [.. heads.Select(h => h with { Points = trails[h.Author].Encode(h, count) })];
    }

    private static void Leap(Dictionary<ReplicaId, Trail> trails, SnapshotManifest manifest)
    {
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (trails.TryGetValue(head.Author, out Trail? trail)) trail.Leap(head);
        }
    }

    private IEnumerable<(long Sequence, ulong Start)> Read()
    {
        for (int i = 0; i < Count; i++)
        {
            ReadOnlyMemory<byte> point = bytes[(WordLengthBytes + (i * PointLengthBytes))..];
            yield return (BinaryPrimitives.ReadInt64BigEndian(point.Span),
                BinaryPrimitives.ReadUInt64BigEndian(point.Span[WordLengthBytes..]));
        }
    }

    /// <summary>One author's chain as it is walked along.</summary>
    private sealed class Trail(ReplicaId author)
    {
        private readonly List<(long Sequence, ulong Start)> points = [];
        private byte[] hash = AuthorTable.ChainStart(author);
        private long reached, wholeFrom;

        public void Leap(SnapshotHead head)
        {
            if (head.Sequence <= reached) return;
            var before = new ChainPoints(head.Points);
            points.Clear();
            points.AddRange(before.Read());
            wholeFrom = Math.Min(before.WholeFrom, head.Sequence);
            Take(head.Sequence, head.Hash.ToArray());
        }

        public void Add(in LogEntry batch)
        {
            if (batch.FirstSequence == reached + 1) Take(batch.LastSequence, AuthorTable.ChainNext(hash, batch.Payload.Span));
        }

        public byte[] Encode(SnapshotHead head, int countMax)
        {
            while (points.Count > 0 && points[^1].Sequence > head.Sequence) points.RemoveAt(points.Count - 1);
            if (points.Count == 0 || points[^1].Sequence != head.Sequence
                || points[^1].Start != BinaryPrimitives.ReadUInt64BigEndian(head.Hash)) return [];
            points.RemoveAt(points.Count - 1);
            int whole = Math.Min(points.Count, countMax == 0 || points.Count <= countMax ? countMax : Math.Max(1, countMax * 3 / 4));
            int first = points.Count - whole;
            var kept = new List<(long Sequence, ulong Start)>(points.Skip(first));
            for (int i = first - 1, step = 1; i >= 0 && kept.Count < countMax; i -= step++) kept.Insert(0, points[i]);
            if (first > 0) wholeFrom = Math.Max(wholeFrom, whole > 0 ? points[first].Sequence : head.Sequence);
            byte[] bytes = new byte[WordLengthBytes + (kept.Count * PointLengthBytes)];
            BinaryPrimitives.WriteInt64BigEndian(bytes, wholeFrom);
            for (int i = 0; i < kept.Count; i++)
            {
                Span<byte> point = bytes.AsSpan(WordLengthBytes + (i * PointLengthBytes));
                BinaryPrimitives.WriteInt64BigEndian(point, kept[i].Sequence);
                BinaryPrimitives.WriteUInt64BigEndian(point[WordLengthBytes..], kept[i].Start);
            }
            return bytes;
        }

        private void Take(long sequence, byte[] at)
        {
            (reached, hash) = (sequence, at);
            points.Add((sequence, BinaryPrimitives.ReadUInt64BigEndian(at)));
        }
    }
}
