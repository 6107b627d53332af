using MessagePack;

namespace Crdt;

/// <summary>Dots that the siblings of a snapshot speak of: the author by its place in the manifest's heads; of the sibling's own
/// author how far the dot lies before the sibling's.</summary>
/// <remarks>Such a dot may lie beyond its author's head, or be of an author without one: a fence has cut it off since.</remarks>
/// <param name="heads">The manifest's heads.</param>
/// <param name="ranks">Of each of the replica's own indexes the place in the heads; for writing.</param>
/// <param name="authors">Of each place in the heads the replica's own index; for reading.</param>
/// <param name="replicas">The table of the replica's own indexes.</param>
/// <param name="indexOf">Gives the index of an author without a head; for reading.</param>
internal sealed class SnapshotForm(
    IReadOnlyList<SnapshotHead> heads, int[] ranks, int[] authors, ReplicaTable replicas, Func<ReplicaId, int> indexOf) : IDotForm
{
    private const int RoleBits = 2, RoleMask = 3;

    private HashSet<ReplicaId>? withHead;

    public void WriteDot(ref MessagePackWriter writer, LocalDot dot, LocalDot own)
    {
        int rank = dot.Author < ranks.Length ? ranks[dot.Author] : -1;
        writer.Write(((rank < 0 ? heads.Count : rank) << RoleBits) | (int)dot.Role);
        if (rank < 0) AcknowledgementCodec.WriteReplica(ref writer, replicas[dot.Author]);
        writer.Write(dot.Author == own.Author ? own.Sequence - dot.Sequence : dot.Sequence);
    }

    public LocalDot ReadDot(ref CanonicalReader reader, LocalDot own)
    {
        int code = reader.ReadInt32((heads.Count << RoleBits) | RoleMask, "The place of an author");
        int rank = code >> RoleBits;
        var role = (ReplicaRole)(code & RoleMask);
        if (role > ReplicaRole.Authority) throw reader.Fail(BatchError.OutOfRange, "The role is not known");
        int author = rank < heads.Count ? authors[rank] : ReadStranger(ref reader);
        if (author != own.Author) return new LocalDot(author, reader.ReadSequence(), role);
        long sequence = unchecked(own.Sequence - reader.ReadInt64());
        return sequence is >= 1 and <= Dot.SequenceMax
            ? new LocalDot(author, sequence, role)
            : throw reader.Fail(BatchError.OutOfRange, $"{sequence} is no sequence");
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
}
