namespace Crdt;

/// <summary>What an <see cref="EntityEdit"/> is meant as; a create or an update where either will do.</summary>
internal enum EditKind : byte
{
    Create,
    Update,
    Upsert,
    Delete,
    Resolve,
}
