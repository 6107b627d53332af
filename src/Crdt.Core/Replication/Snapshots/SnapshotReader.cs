using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>Takes the chunks of a snapshot apart, in order, checking everything: encoding, canonical form, limits, and that
/// no sibling lies beyond the manifest's vector.</summary>
/// <remarks>Holds one entity between chunks. Law: 9.</remarks>
/// <param name="heads">The manifest's heads.</param>
/// <param name="authors">Of each head's author the index by which the states are to name it.</param>
/// <param name="replicas">The table of these indexes.</param>
/// <param name="indexOf">Gives the index of an author that is only spoken of; that of the table where none is given.</param>
internal sealed class SnapshotReader(
    IReadOnlyList<SnapshotHead> heads, int[] authors, ReplicaTable replicas, Func<ReplicaId, int>? indexOf = null)
{
    private readonly FirstUseTable<(string Domain, string Type)> types = new();
    private readonly FirstUseTable<FieldPath> paths = new();
    private readonly SnapshotForm form = new(heads, [], authors, replicas, indexOf ?? replicas.GetOrAdd);
    private readonly Scratch<int> countsOf = new(), pathsOf = new(), masksOf = new(), originsOf = new(), order = new();
    private readonly Scratch<SnapshotOrigin> tableOf = new();
    private readonly Scratch<bool> usedOf = new();
    private readonly Scratch<SiblingExtra?> extrasOf = new();
    private readonly Scratch<Value> valuesOf = new();
    private EntityState? open;

    /// <summary>The latest timestamp read.</summary>
    public HybridTimestamp Latest { get; private set; }

    /// <summary>Reads a chunk.</summary>
    /// <param name="stored">Its stored bytes.</param>
    /// <param name="entities">Takes the entities that are complete, in order of their keys.</param>
    /// <exception cref="BatchFormatException">The bytes are not the next chunk of a snapshot.</exception>
    public void Read(ReadOnlyMemory<byte> stored, List<EntityState> entities)
    {
        byte[]? rented = null;
        try
        {
            var reader = new CanonicalReader(BatchReader.Unpack(stored, out rented));
            Read(ref reader, entities);
        }
        catch (Exception e) when (e is EndOfStreamException or MessagePackSerializationException or OverflowException
            or ArgumentException or InvalidOperationException)
        {
            throw new BatchFormatException(BatchError.Truncated, $"The chunk cannot be read: {e.Message}", e);
        }
        finally
        {
            if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The last entity, after the last chunk; <see langword="null"/> when there was none.</summary>
    public EntityState? Finish()
    {
        open?.Trim();
        return open;
    }

    private void Read(ref CanonicalReader reader, List<EntityState> entities)
    {
        types.Clear();
        paths.Clear();
        paths.TryAdd(FieldPath.Root);
        if (heads.Count == 0) throw reader.Fail(BatchError.OutOfRange, "A state that nobody wrote");
        if (reader.Remaining == 0) throw reader.Fail(BatchError.OutOfRange, "The chunk is empty");
        EntityKey[] keys = ReadKeys(ref reader);
        ReadOnlySpan<int> counts = ReadCounts(ref reader, keys.Length, out int siblings);
        ReadOnlySpan<int> rowPaths = ReadPaths(ref reader, siblings);
        ReadOnlySpan<int> masks = ReadMasks(ref reader, rowPaths);
        ReadOnlySpan<SnapshotOrigin> table = ReadTable(ref reader, siblings);
        ReadOnlySpan<int> origins = ReadOrigins(ref reader, counts, rowPaths, masks, table);
        ReadOnlySpan<SiblingExtra?> extras = ReadExtras(ref reader, rowPaths, masks, origins, table);
        ReadOnlySpan<Value> values = ReadValues(ref reader, rowPaths);
        if (reader.Remaining > 0) throw reader.Fail(BatchError.OutOfRange, "Bytes follow the last value");
        int row = 0;
        for (int e = 0; e < keys.Length; e++)
        {
            bool goesOn = e == 0 && open is not null && open.Key.Equals(keys[e]);
            if (!goesOn) Begin(keys[e], counts[e], entities);
            for (int end = row + counts[e]; row < end; row++)
            {
                SnapshotOrigin origin = table[origins[row]];
                Add(ref reader, new SiblingSlot(paths[rowPaths[row]], DotOf(origin), origin.Timestamp, values[row], extras[row]));
            }
        }
    }

    private LocalDot DotOf(in SnapshotOrigin origin) => new(authors[origin.Rank], origin.Sequence, origin.Role);

    private void Begin(EntityKey key, int siblings, List<EntityState> entities)
    {
        if (open is not null)
        {
            open.Trim();
            entities.Add(open);
        }
        open = new EntityState(key).ToWorking(siblings);
    }

    private EntityKey[] ReadKeys(ref CanonicalReader reader)
    {
        int[] indexes = new int[reader.ReadCount("The number of entities")];
        if (indexes.Length == 0) throw reader.Fail(BatchError.OutOfRange, "The chunk is empty");
        for (int e = 0; e < indexes.Length; e++)
        {
            indexes[e] = reader.ReadInt32(types.Count, "The index of a type");
            if (indexes[e] < types.Count) continue;
            string domain = BatchReader.ReadKeyPart(ref reader, "A domain"), name = BatchReader.ReadKeyPart(ref reader, "A type");
            if (!types.TryAdd((domain, name))) throw reader.Fail(BatchError.NotCanonical, "A type is defined twice");
        }
        EntityKey[] keys = new EntityKey[indexes.Length];
        EntityKey? last = open?.Key;
        byte[] before = new byte[FormatLimits.NameLengthBytesMax];
        int beforeLength = 0;
        for (int e = 0; e < keys.Length; e++)
        {
            string id = reader.NextType == MessagePackType.Binary
                ? BatchReader.ReadId(ref reader)
                : ReadText(ref reader, before, ref beforeLength);
            (string domain, string type) = types[indexes[e]];
            keys[e] = EntityKey.CreateTrusted(domain, type, id);
            // The first may go on from the chunk before.
            int order = last is null ? -1 : last.CompareTo(keys[e]);
            if (e == 0 ? order > 0 : order >= 0) throw reader.Fail(BatchError.NotCanonical, "The entities are not in order");
            last = keys[e];
        }
        return keys;
    }

    /// <summary>An id that begins as the one before it does.</summary>
    private static string ReadText(ref CanonicalReader reader, byte[] before, ref int beforeLength)
    {
        int shared = reader.ReadInt32(beforeLength, "What an id shares with the one before");
        ReadOnlySpan<byte> rest = reader.ReadUtf8(FormatLimits.NameLengthBytesMax - shared, "The rest of an id");
        Span<byte> id = stackalloc byte[FormatLimits.NameLengthBytesMax];
        before.AsSpan(0, shared).CopyTo(id);
        rest.CopyTo(id[shared..]);
        id = id[..(shared + rest.Length)];
        if (id.IsEmpty) throw reader.Fail(BatchError.OutOfRange, "An id is empty");
        if (SnapshotColumns.SharedLength(before.AsSpan(0, beforeLength), id) != shared)
            throw reader.Fail(BatchError.NotCanonical, "An id shares another part with the one before");
        string text = Utf8Name.Strict.GetString(id);
        if (BatchWriter.TryGetUuid(text, out _)) throw reader.Fail(BatchError.NotCanonical, "An id that is a UUID takes 16 bytes");
        id.CopyTo(before);
        beforeLength = id.Length;
        return text;
    }

    private Span<int> ReadCounts(ref CanonicalReader reader, int entities, out int siblings)
    {
        Span<int> counts = countsOf.Take(entities);
        long sum = 0;
        for (int e = 0; e < entities; e++)
        {
            counts[e] = reader.ReadCount("The number of siblings");
            if (counts[e] == 0) throw reader.Fail(BatchError.OutOfRange, "An entity has no sibling");
            sum += counts[e];
        }
        if (sum > reader.Remaining) throw reader.Fail(BatchError.Truncated, $"{sum} siblings cannot fit");
        siblings = (int)sum;
        return counts;
    }

    private Span<int> ReadPaths(ref CanonicalReader reader, int siblings)
    {
        Span<int> rowPaths = pathsOf.Take(siblings);
        for (int i = 0; i < siblings; i++)
        {
            rowPaths[i] = reader.ReadInt32(paths.Count, "The index of a path");
            if (rowPaths[i] == paths.Count && !paths.TryAdd(BatchReader.ReadPath(ref reader)))
                throw reader.Fail(BatchError.NotCanonical, "A path is defined twice");
        }
        return rowPaths;
    }

    private Span<int> ReadMasks(ref CanonicalReader reader, scoped ReadOnlySpan<int> rowPaths)
    {
        Span<int> masks = masksOf.Take(rowPaths.Length);
        for (int i = 0; i < masks.Length; i++)
        {
            int max = SiblingCodec.MaskMax + (rowPaths[i] == 0 ? SnapshotColumns.IsLatest : 0);
            masks[i] = reader.ReadInt32(max, "The mask of a sibling");
        }
        return masks;
    }

    private Span<SnapshotOrigin> ReadTable(ref CanonicalReader reader, int siblings)
    {
        int authorCount = reader.ReadInt32(heads.Count, "The number of authors");
        var ranks = new List<int>();
        int next = 0;
        for (int a = 0; a < authorCount; a++)
        {
            int rank = reader.ReadInt32(heads.Count - 1, "The place of an author");
            if (rank < next) throw reader.Fail(BatchError.NotCanonical, "The authors are not in order");
            next = rank + 1;
            int count = reader.ReadInt32(siblings - ranks.Count, "The number of origins");
            if (count == 0) throw reader.Fail(BatchError.NotCanonical, "An author of nothing");
            for (int i = 0; i < count; i++) ranks.Add(rank);
        }
        Span<SnapshotOrigin> table = tableOf.Take(ranks.Count);
        SnapshotOrigin before = default;
        for (int i = 0; i < table.Length; i++)
        {
            bool isFirst = before.Sequence == 0 || before.Rank != ranks[i];
            long sequence = (isFirst ? 0 : before.Sequence) + (long)Math.Min(reader.ReadUInt64(), (ulong)Dot.SequenceMax);
            if (sequence < 1 || sequence > heads[ranks[i]].Sequence)
                throw reader.Fail(BatchError.OutOfRange, $"Sequence {sequence} is not within the snapshot's vector");
            before = table[i] = new SnapshotOrigin(ranks[i], sequence, default, default);
        }
        for (int i = 0; i < table.Length; i++)
            table[i] = table[i] with { Role = (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role") };
        ReadTimes(ref reader, table);
        for (int i = 1; i < table.Length; i++)
        {
            if (table[i - 1].CompareTo(table[i]) >= 0) throw reader.Fail(BatchError.NotCanonical, "The origins are not in order");
        }
        return table;
    }

    private void ReadTimes(ref CanonicalReader reader, Span<SnapshotOrigin> table)
    {
        long unixMs = 0;
        for (int i = 0; i < table.Length; i++)
        {
            unixMs = unchecked(unixMs + reader.ReadInt64());
            if (unixMs is < 0 or > HybridTimestamp.MillisecondsMax)
                throw reader.Fail(BatchError.OutOfRange, "A timestamp is beyond its 64 bits");
            table[i] = table[i] with { Timestamp = new HybridTimestamp((ulong)unixMs << HybridTimestamp.CounterBits) };
        }
        SnapshotOrigin before = default;
        for (int i = 0; i < table.Length; i++)
        {
            long counter = unchecked(SnapshotColumns.ExpectedCounter(table[i], before) + reader.ReadInt64());
            if (counter is < 0 or > ushort.MaxValue || (counter == 0 && table[i].Timestamp == default))
                throw reader.Fail(BatchError.OutOfRange, "A timestamp is beyond its 64 bits");
            before = table[i] = table[i] with { Timestamp = new HybridTimestamp(table[i].Timestamp.Bits | (uint)counter) };
            if (before.Timestamp > Latest) Latest = before.Timestamp;
        }
    }

    private Span<int> ReadOrigins(
        ref CanonicalReader reader, scoped ReadOnlySpan<int> counts, scoped ReadOnlySpan<int> rowPaths, scoped ReadOnlySpan<int> masks, scoped ReadOnlySpan<SnapshotOrigin> table)
    {
        Span<int> origins = originsOf.Take(rowPaths.Length);
        int others = 0;
        for (int i = 0; i < origins.Length; i++)
        {
            if ((masks[i] & SnapshotColumns.IsLatest) != 0) continue;
            origins[i] = reader.ReadInt32(OriginChain.Other, "How an origin is told");
            if (origins[i] == OriginChain.Other) others++;
        }
        ReadOnlySpan<byte> low = ReadPlane(ref reader, others), high = ReadPlane(ref reader, others);
        Span<bool> isUsed = usedOf.Take(table.Length);
        var chain = new OriginChain();
        int at = 0;
        for (int i = 0; i < origins.Length; i++)
        {
            if ((masks[i] & SnapshotColumns.IsLatest) != 0) continue;
            int kind = origins[i];
            origins[i] = kind == OriginChain.Other ? low[at] | (high[at++] << 8) : chain.Resolve(kind);
            if ((uint)origins[i] >= (uint)table.Length) throw reader.Fail(BatchError.OutOfRange, "An origin is not in the table");
            if (chain.KindOf(origins[i]) != kind) throw reader.Fail(BatchError.NotCanonical, "An origin is told in another way than it should be");
            chain.Follow(origins[i]);
            isUsed[origins[i]] = true;
        }
        int first = 0;
        foreach (int count in counts)
        {
            int latest = SnapshotColumns.LatestOf(rowPaths.Slice(first, count), origins.Slice(first, count), table);
            for (int end = first + count; first < end; first++)
            {
                if (rowPaths[first] != 0) continue;
                if ((masks[first] & SnapshotColumns.IsLatest) != 0)
                {
                    if (latest < 0) throw reader.Fail(BatchError.OutOfRange, "There is no other sibling to be of the mutation of");
                    origins[first] = latest;
                }
                else if (origins[first] == latest) throw reader.Fail(BatchError.NotCanonical, "An origin is told that goes without saying");
            }
        }
        return !isUsed.Contains(false)
            ? origins
            : throw reader.Fail(BatchError.NotCanonical, "An origin is told that nothing is of");
    }

    private static ReadOnlySpan<byte> ReadPlane(ref CanonicalReader reader, int lengthBytes)
    {
        ReadOnlySpan<byte> plane = reader.ReadBytes(lengthBytes, "Bytes of origins");
        return plane.Length == lengthBytes ? plane : throw reader.Fail(BatchError.OutOfRange, $"Of {lengthBytes} origins {plane.Length} are told");
    }

    private Span<SiblingExtra?> ReadExtras(
        ref CanonicalReader reader, scoped ReadOnlySpan<int> rowPaths, scoped ReadOnlySpan<int> masks, scoped ReadOnlySpan<int> origins, scoped ReadOnlySpan<SnapshotOrigin> table)
    {
        Span<SiblingExtra?> extras = extrasOf.Take(rowPaths.Length);
        for (int i = 0; i < extras.Length; i++)
        {
            int mask = masks[i] & SiblingCodec.MaskMax;
            if (mask == 0) continue;
            SnapshotOrigin origin = table[origins[i]];
            extras[i] = SiblingCodec.ReadExtra(ref reader, mask, DotOf(origin), origin.Timestamp, paths[rowPaths[i]], form, replicas);
        }
        return extras;
    }

    private Span<Value> ReadValues(ref CanonicalReader reader, scoped ReadOnlySpan<int> rowPaths)
    {
        Span<int> byPath = order.Take(rowPaths.Length);
        SnapshotColumns.OrderByPath(rowPaths, paths.Count, byPath);
        Span<Value> values = valuesOf.Take(rowPaths.Length);
        foreach (int i in byPath) values[i] = SiblingCodec.ReadValue(ref reader, paths[rowPaths[i]]);
        return values;
    }

    /// <summary>In order of paths, then dots; a sibling that goes on has more of its marks.</summary>
    private void Add(ref CanonicalReader reader, in SiblingSlot slot)
    {
        if (!open!.Slots.IsEmpty)
        {
            SiblingSlot before = open.Slots[^1];
            int order = slot.Path.CompareTo(before.Path);
            if (order == 0) order = replicas.CompareDots(slot.Dot, before.Dot);
            if (order == 0 && SiblingPieces.GoesOn(before, slot, replicas))
            {
                open.Unite(open.Slots.Length - 1, slot.Extra!.Marks!, replicas);
                return;
            }
            if (order <= 0) throw reader.Fail(BatchError.NotCanonical, $"The siblings of {open.Key} are not in order");
        }
        open.Append(slot);
    }
}
