using System.Diagnostics.CodeAnalysis;

namespace Crdt;

/// <summary>The slots in memory by their keys. The slots themselves form the chains: no object beside each of them, and one that is
/// looked up is met without a way through another. Readers take no lock; changes take one.</summary>
/// <remarks>While a slot is in a table it is in no other, and one that was removed is not added again: whoever is on his way
/// along a chain goes on from it.</remarks>
internal sealed class SlotTable
{
    private const int BucketsMin = 16;
    private const int TriesWithoutLock = 3;

    private readonly Lock gate = new();
    private EntitySlot?[] buckets = new EntitySlot?[BucketsMin];

    // Odd while chains are being laid anew: whoever found nothing then, or across it, looks again under the lock.
    private int version;
    private int count;

    public int Count => Volatile.Read(ref count);

    public bool Contains(EntityKey key) => Find(key) is not null;

    public bool TryGet(EntityKey key, [NotNullWhen(true)] out EntitySlot? slot) => (slot = Find(key)) is not null;

    /// <summary>The slot of that key, if there is one.</summary>
    public EntitySlot? Find(EntityKey key)
    {
        int before = Volatile.Read(ref version);
        EntitySlot? found = FindIn(Volatile.Read(ref buckets), key);
        if (found is not null || ((before & 1) == 0 && Volatile.Read(ref version) == before)) return found;
        lock (gate) return FindIn(buckets, key);
    }

    /// <summary>The slot of that key which is there, or else this one.</summary>
    public EntitySlot GetOrAdd(EntitySlot slot)
    {
        lock (gate)
        {
            if (FindIn(buckets, slot.Key) is { } kept) return kept;
            Add(slot);
            return slot;
        }
    }

    /// <summary>Adds the slot; in the place of another of its key, if there is one.</summary>
    public void Put(EntitySlot slot)
    {
        lock (gate)
        {
            if (FindIn(buckets, slot.Key) is { } kept)
            {
                if (ReferenceEquals(kept, slot)) return;
                Unlink(kept);
            }
            Add(slot);
        }
    }

    public void Remove(EntityKey key)
    {
        lock (gate)
        {
            if (FindIn(buckets, key) is { } slot) Unlink(slot);
        }
    }

    /// <summary>All slots; what is added or removed meanwhile may be among them or not.</summary>
    public List<EntitySlot> ToList()
    {
        for (int i = 0; i < TriesWithoutLock; i++)
        {
            int before = Volatile.Read(ref version);
            if ((before & 1) == 0 && Collect() is var all && Volatile.Read(ref version) == before) return all;
        }
        lock (gate) return Collect();
    }

    /// <summary>All slots, one after the other, for who alone changes the table meanwhile, and that by removing what he was given.
    /// </summary>
    public IEnumerable<EntitySlot> Walk()
    {
        EntitySlot?[] all = buckets;
        foreach (EntitySlot? first in all)
        {
            for (EntitySlot? slot = first; slot is not null; slot = slot.Next) yield return slot;
        }
    }

    private static EntitySlot? FindIn(EntitySlot?[] buckets, EntityKey key)
    {
        int hash = key.GetHashCode();
        EntitySlot? slot = Volatile.Read(ref buckets[hash & (buckets.Length - 1)]);
        while (slot is not null && !(slot.Hash == hash && slot.Key.Equals(key))) slot = slot.Next;
        return slot;
    }

    private List<EntitySlot> Collect()
    {
        EntitySlot?[] all = Volatile.Read(ref buckets);
        var found = new List<EntitySlot>(Count);
        for (int i = 0; i < all.Length; i++)
        {
            for (EntitySlot? slot = Volatile.Read(ref all[i]); slot is not null; slot = slot.Next) found.Add(slot);
        }
        return found;
    }

    private void Add(EntitySlot slot)
    {
        if (count == buckets.Length) Grow();
        ref EntitySlot? first = ref buckets[slot.Hash & (buckets.Length - 1)];
        slot.Next = first;
        Volatile.Write(ref first, slot);
        Volatile.Write(ref count, count + 1);
    }

    private void Unlink(EntitySlot slot)
    {
        ref EntitySlot? first = ref buckets[slot.Hash & (buckets.Length - 1)];
        if (ReferenceEquals(first, slot))
        {
            Volatile.Write(ref first, slot.Next);
        }
        else
        {
            EntitySlot before = first!;
            while (!ReferenceEquals(before.Next, slot)) before = before.Next!;
            before.Next = slot.Next;
        }
        Volatile.Write(ref count, count - 1);
    }

    private void Grow()
    {
        var larger = new EntitySlot?[checked(2 * buckets.Length)];
        Interlocked.Increment(ref version);
        foreach (EntitySlot? first in buckets)
        {
            for (EntitySlot? slot = first; slot is not null;)
            {
                EntitySlot? next = slot.Next;
                ref EntitySlot? place = ref larger[slot.Hash & (larger.Length - 1)];
                slot.Next = place;
                place = slot;
                slot = next;
            }
        }
        Volatile.Write(ref buckets, larger);
        Interlocked.Increment(ref version);
    }
}
