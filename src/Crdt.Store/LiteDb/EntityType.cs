namespace Crdt.Store.LiteDb;

/// <summary>A domain and type with what stands for it in the projection.</summary>
internal sealed record EntityType(int Number, string Domain, string Type, string Collection)
{
    /// <summary>The key of an entity's document in <see cref="Collection"/>.</summary>
    public string DocumentId(EntityKey key) => Collection == TypeTable.SharedCollection ? key.ToString() : key.Id;
}
