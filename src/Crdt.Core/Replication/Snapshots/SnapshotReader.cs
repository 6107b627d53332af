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
        var form = new SnapshotForm(heads, [], authors, replicas, indexOf ?? replicas.GetOrAdd);
        if (reader.Remaining == 0) throw reader.Fail(BatchError.OutOfRange, "The chunk is empty");
        while (reader.Remaining > 0)
        {
            EntityKey key = ReadKey(ref reader);
            bool goesOn = open is not null && open.Key.Equals(key);
            if (open is not null && (goesOn ? form.Latest != default : open.Key.CompareTo(key) > 0))
                throw reader.Fail(BatchError.NotCanonical, "The entities are not in order");
            if (!goesOn) Begin(key, entities);
            ReadSiblings(ref reader, form);
        }
        if (form.Latest > Latest) Latest = form.Latest;
    }

    private void Begin(EntityKey key, List<EntityState> entities)
    {
        if (open is not null)
        {
            open.Trim();
            entities.Add(open);
        }
        open = new EntityState(key);
    }

    private EntityKey ReadKey(ref CanonicalReader reader)
    {
        int type = reader.ReadInt32(types.Count, "The index of a type");
        if (type == types.Count)
        {
            string domain = BatchReader.ReadKeyPart(ref reader, "A domain"), name = BatchReader.ReadKeyPart(ref reader, "A type");
            if (!types.TryAdd((domain, name))) throw reader.Fail(BatchError.NotCanonical, "A type is defined twice");
        }
        return EntityKey.CreateTrusted(types[type].Domain, types[type].Type, BatchReader.ReadId(ref reader));
    }

    private void ReadSiblings(ref CanonicalReader reader, SnapshotForm form)
    {
        bool hasAny = false;
        while (reader.NextType != MessagePackType.Nil)
        {
            int index = reader.ReadInt32(paths.Count, "The index of a path");
            if (index == paths.Count && !paths.TryAdd(BatchReader.ReadPath(ref reader)))
                throw reader.Fail(BatchError.NotCanonical, "A path is defined twice");
            SiblingSlot slot = SiblingCodec.Read(ref reader, paths[index], form, replicas);
            Add(ref reader, slot);
            hasAny = true;
        }
        reader.ReadNil();
        if (!hasAny) throw reader.Fail(BatchError.OutOfRange, $"{open!.Key} has no sibling");
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
