namespace Crdt;

/// <summary>Reads an entity's root register: alive, or deleted.</summary>
/// <remarks>A function of the set of root siblings and the policy alone. Law: 5, 6.</remarks>
internal static class Existence
{
    /// <param name="state">What readers take of the entity.</param>
    /// <param name="replicas">Orders siblings.</param>
    /// <param name="policy">The policy of its type; the space's own data has none but update wins.</param>
    public static bool IsAlive(EntityState state, ReplicaTable replicas, ExistencePolicy policy)
    {
        ReadOnlySpan<SiblingSlot> root = state.Root;
        int latest = -1;
        bool isAlive = false, isDeleted = false;
        for (int i = 0; i < root.Length; i++)
        {
            if (!EntityTree.IsRead(state.Key, root[i])) continue;
            if (root[i].Value == Value.True) isAlive = true;
            else isDeleted = true;
            if (latest < 0 || replicas.Compare(root[i], root[latest]) > 0) latest = i;
        }
        return policy switch
        {
            ExistencePolicy.DeleteWins => isAlive && !isDeleted,
            ExistencePolicy.LastWriteWins => latest >= 0 && root[latest].Value == Value.True,
            _ => isAlive,
        };
    }

    /// <summary>Whether the entity was deleted and written to concurrently, and nobody has written since having seen both.</summary>
    public static bool IsDisputed(EntityState state)
    {
        ReadOnlySpan<SiblingSlot> slots = state.Slots;
        for (int i = 1; i < slots.Length && slots[i].Path.IsRoot; i++)
        {
            if (slots[i].Value != slots[0].Value) return true;
        }
        return false;
    }
}
