namespace Crdt;

/// <summary>One entity's place in memory: the state that readers see, and the one that the writer is working on.</summary>
internal sealed class EntitySlot(EntityKey key)
{
    private EntityState? published;
    private EntitySlot? next;

    // As two halves: as one number it would be laid out at multiples of 16 bytes.
    private ulong countedHigh, countedLow;

    public EntityKey Key { get; } = key;

    /// <summary>The key's hash: who looks for another key need not look at this one.</summary>
    public int Hash { get; } = key.GetHashCode();

    /// <summary>The next one in its chain of the <see cref="SlotTable"/>.</summary>
    public EntitySlot? Next
    {
        get => Volatile.Read(ref next);
        set => Volatile.Write(ref next, value);
    }

    /// <summary>What readers see; <see langword="null"/> before the first commit.</summary>
    public EntityState? Published
    {
        get => Volatile.Read(ref published);
        set => Volatile.Write(ref published, value);
    }

    // All below belongs to the single writer.

    /// <summary>The state being made; <see langword="null"/> when it is the published one.</summary>
    public EntityState? Working { get; set; }

    /// <summary>The unit (transaction or run) that may change <see cref="Working"/> in place.</summary>
    public int Unit { get; set; }

    /// <summary>Whether it is in the group that is being committed.</summary>
    public bool IsTouched { get; set; }

    /// <summary>Whether the projection lacks the published state.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether a projection that includes it is under way.</summary>
    public bool IsInFlight { get; set; }

    /// <summary>Whether it is listed as one that the projection may lack.</summary>
    public bool IsListed { get; set; }

    /// <summary>Whether the digest's sum holds an older state.</summary>
    public bool IsDigestStale { get; set; }

    /// <summary>This entity's part in the digest's sum.</summary>
    public UInt128 Counted
    {
        get => new(countedHigh, countedLow);
        set => (countedHigh, countedLow) = ((ulong)(value >> 64), (ulong)value);
    }

    /// <summary>Whether it was used since the last sweep for entities to forget.</summary>
    public bool IsRecentlyUsed { get; set; }

    /// <summary>The newest state, published or not.</summary>
    public EntityState Current => Working ?? Published ?? new EntityState(Key);
}
