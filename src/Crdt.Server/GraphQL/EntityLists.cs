using System.Globalization;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;

namespace Crdt.Server.GraphQL;

/// <summary>Pages of entities, by the replica's queries and their indexes.</summary>
internal static class EntityLists
{
    private const string ById = "i:", ByPlace = "p:";

    public static EntityConnection Page(
        ServerSpace space, Caller caller, string domain, string type, string? where, string? orderBy, bool descending, int? first, string? after)
    {
        caller.NeedSome(ScopeVerb.Read, domain, type);
        int count = Paging.Count(first);
        EntityQuery query = space.Replica.Query(domain, type);
        try
        {
            if (where is not null) query = query.Where(where);
        }
        catch (FormatException e)
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, e.Message, ("argument", "where"));
        }
        if (orderBy is null && descending)
            throw new ApiError(ApiErrorCode.InvalidArgument, "'descending' goes with 'orderBy'.", ("argument", "descending"));
        string? place = after is null ? null : Cursors.Decode(after);
        return orderBy is null
            ? InOrderOfIds(space, caller, query, count, place)
            : Sorted(space, caller, descending ? query.OrderByDescending(Paging.Path(orderBy)) : query.OrderBy(Paging.Path(orderBy)), count, place);
    }

    private static EntityConnection InOrderOfIds(ServerSpace space, Caller caller, EntityQuery query, int count, string? place)
    {
        if (place is not null) query = query.After(place.StartsWith(ById, StringComparison.Ordinal) ? place[ById.Length..] : throw OfOther());
        Entity[] found = [.. query.Where(e => caller.May(ScopeVerb.Read, e.Key)).Take(count + 1)];
        return Connection(space, found, count, place is not null, (e, _) => ById + e.Key.Id);
    }

    // Sorted by a field, a place is a number: what is added before it moves the rest.
    private static EntityConnection Sorted(ServerSpace space, Caller caller, EntityQuery query, int count, string? place)
    {
        int offset = place is null ? 0
            : place.StartsWith(ByPlace, StringComparison.Ordinal)
                && int.TryParse(place[ByPlace.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int at) ? at + 1 : throw OfOther();
        Entity[] found = [.. query.Where(e => caller.May(ScopeVerb.Read, e.Key)).Skip(offset).Take(count + 1)];
        return Connection(space, found, count, offset > 0, (_, i) => $"{ByPlace}{offset + i}");
    }

    private static EntityConnection Connection(ServerSpace space, Entity[] found, int count, bool isBehind, Func<Entity, int, string> place)
    {
        EntityEdge[] edges = [.. found.Take(count).Select((e, i) => new EntityEdge(Cursors.Encode(place(e, i)), new EntityView(space, e)))];
        return new EntityConnection(edges, found.Length > count, isBehind);
    }

    private static ApiError OfOther() => new(ApiErrorCode.InvalidCursor, "The cursor is one of another list.", ("argument", "after"));
}
