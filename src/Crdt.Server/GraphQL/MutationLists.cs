using Crdt.Server.Authorization;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;

namespace Crdt.Server.GraphQL;

/// <summary>Pages of mutations, by the replica's own index and cursors.</summary>
internal static class MutationLists
{
    // Pages that may be read for one of which nothing is shown, because annotations and what the caller must not see lie between.
    private const int PagesMax = 20;

    public static OfflineMutationConnection Page(
        ServerSpace space, Caller caller, MutationsFilter? asked, MutationOrder order, int? first, string? after)
    {
        caller.NeedSome(ScopeVerb.Read, asked?.Domain, asked?.EntityType);
        int count = Paging.Count(first);
        MutationFilter filter = FilterOf(space.Replica, asked, order, caller);
        MutationCursor? place = Cursors.DecodeMutation(after);
        bool isBehind = place is not null;
        var edges = new List<OfflineMutationEdge>(count);
        for (int read = 0; read < PagesMax; read++)
        {
            MutationPage page = space.Replica.Page(filter, count + 1, place);
            foreach ((QueuedMutation queued, MutationCursor at) in page.Items.Zip(page.Places))
            {
                if (!IsShown(queued.Mutation, asked, caller))
                {
                    place = at;
                    continue;
                }
                if (edges.Count == count) return new OfflineMutationConnection(edges, true, isBehind);
                edges.Add(new OfflineMutationEdge(Cursors.Encode(at.ToString()), new OfflineMutation(space, queued)));
                place = at;
            }
            if (page.Next is null) return new OfflineMutationConnection(edges, false, isBehind);
        }
        return new OfflineMutationConnection(edges, true, isBehind);
    }

    private static MutationFilter FilterOf(Replica replica, MutationsFilter? asked, MutationOrder order, Caller caller)
    {
        var filter = new MutationFilter
        {
            Status = asked?.Status,
            Kind = (MutationKind?)asked?.Type,
            Domain = asked?.Domain,
            Type = asked?.EntityType,
            User = asked?.Author,
            From = asked?.CreatedFrom,
            To = asked?.CreatedTo,
            RequestId = asked?.RequestId,
            Author = asked?.DeviceId is { } device && replica.Vector[new ReplicaId(device)] > 0 ? new ReplicaId(device) : null,
            Order = order,
        };
        if (asked?.EntityId is { } id)
        {
            filter = filter with
            {
                Key = asked is { Domain: { } domain, EntityType: { } type }
                    ? Paging.Key(domain, type, id)
                    : throw new ApiError(ApiErrorCode.InvalidArgument, "An entity_id goes with domain and entity_type.", ("argument", "entity_id")),
            };
        }
        // Who may read one domain alone reads nothing else of the log.
        Scope[] readable = [.. caller.Scopes.Where(s => s.Verb == ScopeVerb.Read)];
        if (filter.Domain is null && readable.Length == 1) filter = filter with { Domain = readable[0].Domain, Type = filter.Type ?? readable[0].Type };
        return filter;
    }

    private static bool IsShown(Mutation mutation, MutationsFilter? asked, Caller caller)
    {
        if (!OfflineMutation.Shows(mutation) || !caller.May(ScopeVerb.Read, mutation.Key)) return false;
        return asked?.DeviceId is not { } device || (ThinOrigin.Of(mutation)?.Device ?? mutation.Dot.Replica.Value) == device;
    }
}
