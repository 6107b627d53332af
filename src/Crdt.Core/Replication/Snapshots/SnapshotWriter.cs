using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>Encodes a state as the chunks of a snapshot, entity by entity: the same state at the same vector gives the same
/// bytes wherever it is done. Layout: docs/wire-format.md, section WF-8.</summary>
/// <param name="heads">The manifest's heads.</param>
/// <param name="replicas">The replica's own table, which the states refer to.</param>
internal sealed class SnapshotWriter(IReadOnlyList<SnapshotHead> heads, ReplicaTable replicas)
{
    private readonly int[] ranks = RanksOf(heads, replicas);
    private readonly ArrayBufferWriter<byte> buffer = new(FormatLimits.SnapshotChunkLengthBytes + (8 << 10));
    private readonly FirstUseTable<(string Domain, string Type)> types = new();
    private readonly FirstUseTable<FieldPath> paths = new();
    private readonly List<SiblingSlot> sorted = [];
    private SnapshotForm form = null!;
    private bool hasSiblings;

    /// <summary>Adds an entity; they come in order of their keys.</summary>
    /// <returns>The chunks that it completed.</returns>
    public IEnumerable<byte[]> Add(EntityState state)
    {
        Sort(state);
        bool isOpen = false;
        for (int i = 0; i < sorted.Count; i++)
        {
            if (buffer.WrittenCount == 0) Begin();
            int before = buffer.WrittenCount;
            WriteSibling(isOpen ? null : state.Key, sorted[i]);
            if (hasSiblings && buffer.WrittenCount + 1 > FormatLimits.SnapshotChunkLengthBytes)
            {
                yield return Close(before, isOpen);
                isOpen = false;
                i--;
                continue;
            }
            isOpen = hasSiblings = true;
        }
        if (isOpen) WriteEnd();
    }

    /// <summary>The last chunk; <see langword="null"/> when there is nothing left.</summary>
    public byte[]? Finish() => buffer.WrittenCount == 0 ? null : Close(buffer.WrittenCount, isWithinEntity: false);

    private static int[] RanksOf(IReadOnlyList<SnapshotHead> heads, ReplicaTable replicas)
    {
        int[] ranks = new int[replicas.Count];
        Array.Fill(ranks, -1);
        for (int i = 0; i < heads.Count; i++)
        {
            if (replicas.TryGetIndex(heads[i].Author, out int index) && index < ranks.Length) ranks[index] = i;
        }
        return ranks;
    }

    /// <summary>By path, then by dot: within a register the order of arrival is this replica's own affair.</summary>
    private void Sort(EntityState state)
    {
        sorted.Clear();
        foreach (ref readonly SiblingSlot slot in state.Slots) sorted.AddRange(SiblingPieces.Of(slot));
        sorted.Sort((a, b) =>
        {
            int order = a.Path.CompareTo(b.Path);
            if (order == 0) order = replicas.CompareDots(a.Dot, b.Dot);
            // Equal only where one sibling is told in parts.
            return order != 0 || a.Dot != b.Dot || a.Extra?.Marks is not { Restored: [var x, ..] } || b.Extra?.Marks is not { Restored: [var y, ..] }
                ? order
                : replicas.CompareDots(x.Dot, y.Dot);
        });
    }

    private void Begin()
    {
        types.Clear();
        paths.Clear();
        paths.TryAdd(FieldPath.Root);
        form = new SnapshotForm(heads, ranks, [], replicas, replicas.GetOrAdd);
        hasSiblings = false;
        buffer.GetSpan(1)[0] = BatchWriter.PlainFormat;
        buffer.Advance(1);
    }

    private void WriteSibling(EntityKey? key, in SiblingSlot slot)
    {
        var writer = new MessagePackWriter(buffer);
        if (key is not null) BatchWriter.WriteKey(ref writer, key, types);
        int known = paths.Count;
        int path = paths.GetOrAdd(slot.Path);
        writer.Write(path);
        if (path == known)
        {
            if (slot.Path.TryGetField(out ReadOnlySpan<byte> field)) writer.WriteString(field);
            else writer.Write(slot.Path.Bytes);
        }
        SiblingCodec.Write(ref writer, slot, form);
        writer.Flush();
    }

    private void WriteEnd()
    {
        var writer = new MessagePackWriter(buffer);
        writer.WriteNil();
        writer.Flush();
    }

    /// <summary>Ends the chunk after so many bytes.</summary>
    private byte[] Close(int lengthBytes, bool isWithinEntity)
    {
        byte[] plain = new byte[lengthBytes + (isWithinEntity ? 1 : 0)];
        buffer.WrittenSpan[..lengthBytes].CopyTo(plain);
        if (isWithinEntity) plain[^1] = MessagePackCode.Nil;
        buffer.ResetWrittenCount();
        return plain.Length < BatchWriter.CompressedLengthBytesMin ? plain : BatchWriter.Compress(plain);
    }
}
