using Crdt.Server.Authorization;

namespace Crdt.Server.Blobs;

/// <summary>An attachment as somebody may see it: described, and placed, by the entities alone that the token reads.</summary>
/// <param name="Blob">As the first of those entities describes it.</param>
/// <param name="State">How it stands here.</param>
/// <param name="Places">Where it is named, as far as the token reads.</param>
internal sealed record ReadableBlob(Blob Blob, BlobState State, IReadOnlyList<(EntityKey Key, FieldPath Path)> Places)
{
    /// <summary>Finds one.</summary>
    /// <returns><see langword="null"/> where nothing names it that the token reads.</returns>
    public static ReadableBlob? Find(Replica replica, Caller caller, BlobHash root) =>
        replica.Blobs.Find(root) is { } state ? Of(replica, caller, state) : null;

    /// <summary>All of them, in order of their roots.</summary>
    public static IEnumerable<ReadableBlob> All(Replica replica, Caller caller) =>
        replica.Blobs.List().Select(s => Of(replica, caller, s)).OfType<ReadableBlob>();

    private static ReadableBlob? Of(Replica replica, Caller caller, BlobState state)
    {
        (EntityKey Key, FieldPath Path)[] places = [.. replica.Blobs.PlacesOf(state.Blob.Root).Where(p => caller.May(ScopeVerb.Read, p.Key))];
        // A name, too, is what somebody wrote into an entity.
        Blob? blob = places.SelectMany(p => replica.GetWithDeleted(p.Key)?.Siblings(p.Path) ?? []).SelectMany(s => s.Value.Blobs())
            .FirstOrDefault(b => b.Root == state.Blob.Root);
        return blob is null ? null : new ReadableBlob(blob, state, places);
    }
}
