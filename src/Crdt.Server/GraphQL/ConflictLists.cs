using Crdt.Server.Authorization;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;

namespace Crdt.Server.GraphQL;

/// <summary>Pages of conflicts: what is contested now by the replica's list of it, what was settled by the log's index.</summary>
internal static class ConflictLists
{
    public static ConflictConnection Page(
        ServerSpace space, Caller caller, ConflictStatus status, string? domain, string? type, int? first, string? after)
    {
        caller.NeedSome(ScopeVerb.Read, domain, type);
        int count = Paging.Count(first);
        return status == ConflictStatus.Resolved
            ? Resolved(space, caller, domain, type, count, after)
            : Standing(space, caller, status, domain, type, count, after);
    }

    /// <summary>The one of a name; <see langword="null"/> when it does not stand any more.</summary>
    public static (Conflict? Standing, QueuedMutation? Resolution, FieldPath Path)? Find(ServerSpace space, string id)
    {
        string[] parts = Cursors.Decode(id).Split('\n', 3);
        if (parts.Length != 3 || !EntityKey.TryParse(parts[2], out EntityKey? key))
            throw new ApiError(ApiErrorCode.InvalidArgument, $"'{id}' names no conflict.", ("argument", "id"));
        if (Guid.TryParse(parts[0], out Guid resolution))
        {
            return space.Replica.FindMutation(resolution) is { } settled ? (null, settled, PathOf(parts[1])) : null;
        }
        return space.Replica.Get(key)?.Conflicts().FirstOrDefault(c => c.Path.ToString() == parts[1]) is { } standing
            ? (standing, null, standing.Path) : null;
    }

    private static FieldPath PathOf(string text) => text.Length == 0 ? FieldPath.Root : Paging.Path(text);

    private static ConflictConnection Standing(
        ServerSpace space, Caller caller, ConflictStatus status, string? domain, string? type, int count, string? after)
    {
        string? place = after is null ? null : Cursors.Decode(after);
        IEnumerable<(string At, Conflict Conflict)> found = space.Replica.Conflicts(openOnly: status == ConflictStatus.Open)
            .Where(c => (status == ConflictStatus.Open) == c.IsOpen && (domain is null || c.Key.Domain == domain) && (type is null || c.Key.Type == type)
                && caller.May(ScopeVerb.Read, c.Key))
            .Select(c => ($"{c.Key}\n{c.Path}", c));
        (string At, Conflict Conflict)[] page = [.. found.OrderBy(f => f.At, StringComparer.Ordinal)
            .Where(f => place is null || string.CompareOrdinal(f.At, place) > 0).Take(count + 1)];
        ConflictEdge[] edges = [.. page.Take(count).Select(f => new ConflictEdge(Cursors.Encode(f.At), new ConflictView(space, f.Conflict)))];
        return new ConflictConnection(edges, page.Length > count, place is not null);
    }

    private static ConflictConnection Resolved(ServerSpace space, Caller caller, string? domain, string? type, int count, string? after)
    {
        var filter = new MutationFilter { Kind = MutationKind.Resolve, Domain = domain, Type = type, Order = MutationOrder.NewestFirst };
        MutationCursor? place = Cursors.DecodeMutation(after);
        MutationPage page = space.Replica.Page(filter, count, place);
        ConflictEdge[] edges = [.. page.Items.Zip(page.Places).Where(i => caller.May(ScopeVerb.Read, i.First.Mutation.Key))
            .SelectMany(i => ConflictView.OfResolution(space, i.First).Select(c => new ConflictEdge(Cursors.Encode(i.Second.ToString()), c)))];
        return new ConflictConnection(edges, page.Next is not null, place is not null);
    }
}
