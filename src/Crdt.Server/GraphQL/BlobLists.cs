using Crdt.Server.Authorization;
using Crdt.Server.Blobs;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;

namespace Crdt.Server.GraphQL;

/// <summary>Pages of attachments, in order of their roots.</summary>
internal static class BlobLists
{
    /// <exception cref="ApiError">The page cannot be what was asked for.</exception>
    public static BlobConnection Page(ServerSpace space, Caller caller, BlobStanding? standing, int? first, string? after)
    {
        caller.NeedSome(ScopeVerb.Read);
        int count = Paging.Count(first);
        BlobHash from = default;
        if (after is not null && !BlobHash.TryParse(Cursors.Decode(after), out from))
            throw new ApiError(ApiErrorCode.InvalidCursor, $"'{after}' is no cursor of this list.");
        ReadableBlob[] found = [.. ReadableBlob.All(space.Replica, caller)
            .Where(b => (after is null || b.Blob.Root > from) && (standing is null || b.State.Standing == standing)).Take(count + 1)];
        BlobEdge[] edges = [.. found.Take(count).Select(b => new BlobEdge(Cursors.Encode(b.Blob.Root.ToString()), new BlobView(b)))];
        return new BlobConnection(edges, found.Length > count, after is not null);
    }

    /// <exception cref="ApiError">It is no root.</exception>
    public static BlobView? Find(ServerSpace space, Caller caller, string root)
    {
        caller.NeedSome(ScopeVerb.Read);
        if (!BlobHash.TryParse(root, out BlobHash hash))
            throw new ApiError(ApiErrorCode.InvalidArgument, "A root has 64 hex digits.", ("argument", "root"));
        return ReadableBlob.Find(space.Replica, caller, hash) is { } found ? new BlobView(found) : null;
    }
}
