using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>An entity made ready to be written.</summary>
/// <param name="Key">Which.</param>
/// <param name="State">Its registers; null when nothing of it is left.</param>
/// <param name="Document">Its document; null when it is deleted.</param>
/// <param name="Marks">By which of them its key is listed.</param>
internal readonly record struct EntityRow(EntityKey Key, byte[]? State, BsonDocument? Document, EntityMarks Marks)
{
    public static EntityRow Of(ProjectedEntity projected, FieldIndexes indexes)
    {
        if (projected.IsGone) return new EntityRow(projected.Key, null, null, EntityMarks.None);
        byte[] state = projected.State.Value.ToArray();
        BsonDocument? document = projected.Entity.Exists ? MaterializedDocument.Of(projected.Entity, state.Length) : null;
        if (document is not null) indexes.AddKeys(document, projected.Key);
        return new EntityRow(projected.Key, state, document, projected.Marks);
    }
}
