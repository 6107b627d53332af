using MessagePack;

namespace Crdt;

/// <summary>Dots as the chunks of a snapshot tell them: the author by its place in the manifest's heads, the sequence and
/// the time as differences. Belongs to one chunk; a further sibling of the same mutation says so by nil.</summary>
/// <remarks>What a sibling only speaks of may lie beyond its author's head, or be of an author without one: a fence has cut
/// it off since.</remarks>
/// <param name="heads">The manifest's heads.</param>
/// <param name="ranks">Of each of the replica's own indexes the place in the heads; for writing.</param>
/// <param name="authors">Of each place in the heads the replica's own index; for reading.</param>
/// <param name="replicas">The table of the replica's own indexes.</param>
/// <param name="indexOf">Gives the index of an author without a head; for reading.</param>
internal sealed class SnapshotForm(
    IReadOnlyList<SnapshotHead> heads, int[] ranks, int[] authors, ReplicaTable replicas, Func<ReplicaId, int> indexOf) : ISiblingForm
{
    private const int RoleBits = 2, RoleMask = 3;

    private readonly Dictionary<int, long> lastSequences = [];
    private LocalDot lastDot;
    private HybridTimestamp lastTimestamp;
    private HashSet<ReplicaId>? withHead;

    /// <summary>The latest timestamp read.</summary>
    public HybridTimestamp Latest { get; private set; }

    public void WriteOrigin(ref MessagePackWriter writer, LocalDot dot, HybridTimestamp timestamp)
    {
        // A sibling that was added again has another time than its mutation.
        if (dot == lastDot && timestamp == lastTimestamp)
        {
            writer.WriteNil();
            return;
        }
        int rank = ranks[dot.Author];
        writer.Write((rank << RoleBits) | (int)dot.Role);
        writer.Write(dot.Sequence - lastSequences.GetValueOrDefault(rank));
        writer.Write(timestamp.UnixMs - lastTimestamp.UnixMs);
        writer.Write(timestamp.Counter);
        lastSequences[rank] = dot.Sequence;
        (lastDot, lastTimestamp) = (dot, timestamp);
    }

    public void WriteDot(ref MessagePackWriter writer, LocalDot dot)
    {
        int rank = dot.Author < ranks.Length ? ranks[dot.Author] : -1;
        writer.Write(((rank < 0 ? heads.Count : rank) << RoleBits) | (int)dot.Role);
        if (rank < 0) AcknowledgementCodec.WriteReplica(ref writer, replicas[dot.Author]);
        writer.Write(dot.Sequence);
    }

    public void ReadOrigin(ref CanonicalReader reader, out LocalDot dot, out HybridTimestamp timestamp)
    {
        (dot, timestamp) = (lastDot, lastTimestamp);
        if (reader.NextType == MessagePackType.Nil)
        {
            reader.ReadNil();
            if (lastDot == default) throw reader.Fail(BatchError.OutOfRange, "The first sibling has no mutation");
            return;
        }
        int rank = ReadAuthor(ref reader, heads.Count - 1, out ReplicaRole role);
        long sequence = unchecked(lastSequences.GetValueOrDefault(rank) + reader.ReadInt64());
        if (sequence < 1 || sequence > heads[rank].Sequence)
            throw reader.Fail(BatchError.OutOfRange, $"Sequence {sequence} is not within the snapshot's vector");
        dot = new LocalDot(authors[rank], sequence, role);
        long unixMs = unchecked(lastTimestamp.UnixMs + reader.ReadInt64());
        int counter = reader.ReadInt32(ushort.MaxValue, "The counter of a timestamp");
        if (unixMs is < 0 or > HybridTimestamp.MillisecondsMax || (unixMs == 0 && counter == 0))
            throw reader.Fail(BatchError.OutOfRange, "A timestamp is beyond its 64 bits");
        timestamp = new HybridTimestamp(((ulong)unixMs << HybridTimestamp.CounterBits) | (uint)counter);
        if (dot == lastDot && timestamp == lastTimestamp)
            throw reader.Fail(BatchError.NotCanonical, "A mutation is told twice in a row");
        lastSequences[rank] = dot.Sequence;
        (lastDot, lastTimestamp) = (dot, timestamp);
        if (timestamp > Latest) Latest = timestamp;
    }

    public LocalDot ReadDot(ref CanonicalReader reader)
    {
        int rank = ReadAuthor(ref reader, heads.Count, out ReplicaRole role);
        int author = rank < heads.Count ? authors[rank] : ReadStranger(ref reader);
        return new LocalDot(author, reader.ReadSequence(), role);
    }

    /// <summary>An author without a head is named by its id.</summary>
    private int ReadStranger(ref CanonicalReader reader)
    {
        ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
        withHead ??= [.. heads.Select(static h => h.Author)];
        return withHead.Contains(author)
            ? throw reader.Fail(BatchError.NotCanonical, $"{author} has a head, and is named by its id")
            : indexOf(author);
    }

    private static int ReadAuthor(ref CanonicalReader reader, int rankMax, out ReplicaRole role)
    {
        int code = reader.ReadInt32((rankMax << RoleBits) | RoleMask, "The place of an author");
        role = (ReplicaRole)(code & RoleMask);
        return role <= ReplicaRole.Authority ? code >> RoleBits : throw reader.Fail(BatchError.OutOfRange, "The role is not known");
    }
}
