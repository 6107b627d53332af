using Crdt.Store.LiteDb;

namespace Crdt.Store.Postgres;

/// <summary>What stands for an entity in an index: as in the other store, so that plans mean the same.</summary>
internal static class IndexRow
{
    /// <param name="value">The visible value; <see langword="null"/> when it cannot be told.</param>
    /// <param name="id">The entity's id.</param>
    public static byte[] Of(Value? value, string id) =>
    [
        .. value is { } told ? IndexKey.OfValue(told) : [IndexKey.Unknown],
        .. EntityKeyBytes.Encode(0, id).AsSpan(EntityKeyBytes.TypeLengthBytes),
    ];

    /// <summary>The id of the entity that a key stands for.</summary>
    public static string IdOf(byte[] key) => EntityKeyBytes.DecodeId(key, IndexKey.ValueIn(key).Length);
}
