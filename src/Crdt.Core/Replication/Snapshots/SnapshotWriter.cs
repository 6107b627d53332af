using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>Encodes a state as the chunks of a snapshot, entity by entity: the same state at the same vector gives the same
/// bytes wherever it is done. Layout: docs/wire-format.md, section WF-8.</summary>
internal sealed class SnapshotWriter
{
    private readonly ReplicaTable replicas;
    private readonly int[] ranks;
    private readonly SnapshotForm form;
    private readonly ArrayBufferWriter<byte> buffer = new(FormatLimits.SnapshotChunkLengthBytes);
    private readonly FirstUseTable<(string Domain, string Type)> types = new();
    private readonly FirstUseTable<FieldPath> paths = new();
    private readonly List<SiblingSlot> sorted = [];

    // The chunk that is being made: its entities, its siblings, and what these have beside a place and an origin, encoded.
    private readonly List<EntityRow> entities = [];
    private readonly List<SiblingRow> rows = [];
    private readonly ArrayBufferWriter<byte> parts = new(FormatLimits.SnapshotChunkLengthBytes);
    private long weight;

    private readonly Scratch<int> originsOf = new(), pathsOf = new(), order = new();
    private readonly Scratch<SnapshotOrigin> tableOf = new();
    private readonly Scratch<bool> latest = new();
    private readonly Scratch<byte> lowBytes = new(), highBytes = new();

    private readonly record struct EntityRow(int Type, string Id, int Siblings);

    private readonly record struct SiblingRow(int Path, int Mask, SnapshotOrigin Origin, int Start, int Value, int End);

    /// <param name="heads">The manifest's heads.</param>
    /// <param name="replicas">The replica's own table, which the states refer to.</param>
    public SnapshotWriter(IReadOnlyList<SnapshotHead> heads, ReplicaTable replicas)
    {
        this.replicas = replicas;
        ranks = RanksOf(heads, replicas);
        form = new SnapshotForm(heads, ranks, [], replicas, replicas.GetOrAdd);
    }

    /// <summary>Adds an entity; they come in order of their keys.</summary>
    /// <returns>The chunks that it completed.</returns>
    public IEnumerable<byte[]> Add(EntityState state)
    {
        Sort(state);
        bool isOpen = false;
        for (int i = 0; i < sorted.Count; i++)
        {
            if (TryAdd(isOpen ? null : state.Key, sorted[i]))
            {
                isOpen = true;
                continue;
            }
            yield return Close();
            isOpen = false;
            i--;
        }
    }

    /// <summary>The last chunk; <see langword="null"/> when there is nothing left.</summary>
    public byte[]? Finish() => rows.Count == 0 ? null : Close();

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

    /// <param name="key">The sibling's entity, when it is the first of it in the chunk.</param>
    /// <param name="slot">The sibling.</param>
    /// <returns><see langword="false"/> when the chunk would become too long: it ends before the sibling.</returns>
    private bool TryAdd(EntityKey? key, in SiblingSlot slot)
    {
        int start = parts.WrittenCount;
        var writer = new MessagePackWriter(parts);
        SiblingCodec.WriteExtra(ref writer, slot, form);
        writer.Flush();
        int value = parts.WrittenCount;
        ValueCodec.Write(ref writer, slot.Value, null);
        writer.Flush();
        int more = SnapshotColumns.SiblingWeight + parts.WrittenCount - start;
        if (paths.Count == 0) paths.TryAdd(FieldPath.Root);
        if (paths.IndexOf(slot.Path) < 0) more += slot.Path.Bytes.Length;
        if (key is not null) more += key.Domain.Length + key.Type.Length + key.Id.Length;
        if (rows.Count > 0 && weight + more > FormatLimits.SnapshotChunkLengthBytes) return false;
        weight += more;
        if (key is not null) entities.Add(new EntityRow(types.GetOrAdd((key.Domain, key.Type)), key.Id, 0));
        ref EntityRow entity = ref CollectionsMarshal.AsSpan(entities)[^1];
        entity = entity with { Siblings = entity.Siblings + 1 };
        var origin = new SnapshotOrigin(ranks[slot.Dot.Author], slot.Dot.Sequence, slot.Timestamp, slot.Dot.Role);
        rows.Add(new SiblingRow(paths.GetOrAdd(slot.Path), SiblingCodec.MaskOf(slot.Extra), origin, start, value, parts.WrittenCount));
        return true;
    }

    /// <summary>How each is told; then the others, the low bytes of all and then the high ones: like stands beside like.</summary>
    private void WriteOrigins(ref MessagePackWriter writer, scoped ReadOnlySpan<int> origins, scoped ReadOnlySpan<bool> isLatest)
    {
        Span<byte> low = lowBytes.Take(origins.Length), high = highBytes.Take(origins.Length);
        int others = 0;
        var chain = new OriginChain();
        for (int i = 0; i < origins.Length; i++)
        {
            if (isLatest[i]) continue;
            int kind = chain.KindOf(origins[i]);
            writer.Write(kind);
            if (kind == OriginChain.Other) (low[others], high[others++]) = ((byte)origins[i], (byte)(origins[i] >> 8));
            chain.Follow(origins[i]);
        }
        writer.Write(low[..others]);
        writer.Write(high[..others]);
    }

    private byte[] Close()
    {
        Span<int> origins = originsOf.Take(rows.Count), rowPaths = pathsOf.Take(rows.Count);
        for (int i = 0; i < rowPaths.Length; i++) rowPaths[i] = rows[i].Path;
        ReadOnlySpan<SnapshotOrigin> table = Tabulate(origins);
        buffer.ResetWrittenCount();
        buffer.GetSpan(1)[0] = BatchWriter.PlainFormat;
        buffer.Advance(1);
        var writer = new MessagePackWriter(buffer);
        WriteEntities(ref writer);
        WritePaths(ref writer);
        ReadOnlySpan<bool> isLatest = WriteMasks(ref writer, rowPaths, origins, table);
        WriteTable(ref writer, table);
        WriteOrigins(ref writer, origins, isLatest);
        ReadOnlySpan<byte> encoded = parts.WrittenSpan;
        foreach (ref readonly SiblingRow row in CollectionsMarshal.AsSpan(rows)) writer.WriteRaw(encoded[row.Start..row.Value]);
        Span<int> byPath = order.Take(rows.Count);
        SnapshotColumns.OrderByPath(rowPaths, paths.Count, byPath);
        foreach (int i in byPath) writer.WriteRaw(encoded[rows[i].Value..rows[i].End]);
        writer.Flush();
        byte[] chunk = buffer.WrittenCount < BatchWriter.CompressedLengthBytesMin
            ? buffer.WrittenSpan.ToArray()
            : BatchWriter.Compress(buffer.WrittenSpan);
        types.Clear();
        paths.Clear();
        entities.Clear();
        rows.Clear();
        parts.ResetWrittenCount();
        weight = 0;
        return chunk;
    }

    /// <summary>The origins in order, each once.</summary>
    private ReadOnlySpan<SnapshotOrigin> Tabulate(Span<int> origins)
    {
        Span<SnapshotOrigin> keys = tableOf.Take(rows.Count);
        Span<int> items = order.Take(rows.Count);
        for (int i = 0; i < keys.Length; i++) (keys[i], items[i]) = (rows[i].Origin, i);
        keys.Sort(items);
        int count = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            if (i == 0 || keys[i] != keys[count - 1]) keys[count++] = keys[i];
            origins[items[i]] = count - 1;
        }
        return keys[..count];
    }

    private void WriteEntities(ref MessagePackWriter writer)
    {
        writer.Write(entities.Count);
        int defined = 0;
        foreach (EntityRow entity in entities)
        {
            writer.Write(entity.Type);
            if (entity.Type < defined) continue;
            defined++;
            writer.Write(types[entity.Type].Domain);
            writer.Write(types[entity.Type].Type);
        }
        byte[] before = [];
        foreach (EntityRow entity in entities)
        {
            if (BatchWriter.TryGetUuid(entity.Id, out Guid uuid))
            {
                BatchWriter.WriteUuid(ref writer, uuid);
                continue;
            }
            byte[] id = Encoding.UTF8.GetBytes(entity.Id);
            int shared = SnapshotColumns.SharedLength(before, id);
            writer.Write(shared);
            writer.WriteString(id.AsSpan(shared));
            before = id;
        }
        foreach (EntityRow entity in entities) writer.Write(entity.Siblings);
    }

    private void WritePaths(ref MessagePackWriter writer)
    {
        int defined = 1;
        foreach (ref readonly SiblingRow row in CollectionsMarshal.AsSpan(rows))
        {
            writer.Write(row.Path);
            if (row.Path < defined) continue;
            defined++;
            if (paths[row.Path].TryGetField(out ReadOnlySpan<byte> field)) writer.WriteString(field);
            else writer.Write(paths[row.Path].Bytes);
        }
    }

    /// <returns>Whose origin is told by the mask.</returns>
    private ReadOnlySpan<bool> WriteMasks(
        ref MessagePackWriter writer, scoped ReadOnlySpan<int> rowPaths, scoped ReadOnlySpan<int> origins, scoped ReadOnlySpan<SnapshotOrigin> table)
    {
        Span<bool> isLatest = latest.Take(rows.Count);
        int first = 0;
        foreach (EntityRow entity in entities)
        {
            int last = SnapshotColumns.LatestOf(rowPaths.Slice(first, entity.Siblings), origins.Slice(first, entity.Siblings), table);
            for (int end = first + entity.Siblings; first < end; first++)
            {
                isLatest[first] = rowPaths[first] == 0 && origins[first] == last;
                writer.Write(rows[first].Mask | (isLatest[first] ? SnapshotColumns.IsLatest : 0));
            }
        }
        return isLatest;
    }

    private static void WriteTable(ref MessagePackWriter writer, scoped ReadOnlySpan<SnapshotOrigin> table)
    {
        var authors = new List<(int Rank, int Count)>();
        foreach (ref readonly SnapshotOrigin origin in table)
        {
            if (authors.Count == 0 || authors[^1].Rank != origin.Rank) authors.Add((origin.Rank, 0));
            CollectionsMarshal.AsSpan(authors)[^1].Count++;
        }
        writer.Write(authors.Count);
        foreach ((int rank, int count) in authors)
        {
            writer.Write(rank);
            writer.Write(count);
        }
        SnapshotOrigin before = default;
        foreach (SnapshotOrigin origin in table)
        {
            writer.Write(before.Sequence > 0 && before.Rank == origin.Rank ? origin.Sequence - before.Sequence : origin.Sequence);
            before = origin;
        }
        foreach (SnapshotOrigin origin in table) writer.Write((int)origin.Role);
        before = default;
        foreach (SnapshotOrigin origin in table)
        {
            writer.Write(origin.Timestamp.UnixMs - before.Timestamp.UnixMs);
            before = origin;
        }
        before = default;
        foreach (SnapshotOrigin origin in table)
        {
            writer.Write(origin.Timestamp.Counter - SnapshotColumns.ExpectedCounter(origin, before));
            before = origin;
        }
    }
}
