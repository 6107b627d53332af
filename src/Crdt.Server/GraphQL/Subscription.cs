using System.ComponentModel;
using System.Runtime.CompilerServices;
using Crdt.Server.Authorization;
using Crdt.Server.Following;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL;

[Description("What is told as it happens, over a WebSocket with the subprotocol graphql-transport-ws. Needs offline:read of what is told; the rest is left out.")]
internal sealed class Subscription
{
    [Description("Mutations as they arrive, and whenever their status changes.")]
    public static IAsyncEnumerable<OfflineMutation> StatusChanged(
        IResolveFieldContext context, [FromServices] ServerSpace space, [FromServices] LogFollower follower, string? domain = null, string? entityType = null,
        Guid? device = null, string? author = null, MutationStatus? status = null)
    {
        Caller caller = context.Caller();
        caller.NeedSome(ScopeVerb.Read, domain, entityType);
        return Where(follower.Mutations.Listen(context.CancellationToken), queued =>
        {
            Mutation mutation = queued.Mutation;
            if ((domain is not null && mutation.Key.Domain != domain) || (entityType is not null && mutation.Key.Type != entityType)
                || (author is not null && mutation.User != author) || (status is not null && queued.Status != status)
                || !caller.May(ScopeVerb.Read, mutation.Key)) return null;
            var told = new OfflineMutation(space, queued);
            return device is null || told.DeviceId == device ? told : null;
        }, context.CancellationToken);
    }

    [Description("Conflicts when they come to be, change, and are settled.")]
    public static IAsyncEnumerable<ConflictView> ConflictChanged(
        IResolveFieldContext context, [FromServices] LogFollower follower, string? domain = null, string? entityType = null)
    {
        Caller caller = context.Caller();
        caller.NeedSome(ScopeVerb.Read, domain, entityType);
        return Where(follower.Conflicts.Listen(context.CancellationToken), conflict => (domain is null || conflict.Key.Domain == domain)
            && (entityType is null || conflict.Key.Type == entityType) && caller.May(ScopeVerb.Read, conflict.Key) ? conflict : null, context.CancellationToken);
    }

    [Description("Entities as they change, deleted ones too. Changes that follow each other faster than they are told come as one.")]
    public static IAsyncEnumerable<EntityView> EntityChanged(
        IResolveFieldContext context, [FromServices] ServerSpace space, [FromServices] LogFollower follower, string? domain = null, string? entityType = null,
        string? entityId = null)
    {
        Caller caller = context.Caller();
        caller.NeedSome(ScopeVerb.Read, domain, entityType);
        return Where(follower.Entities.Listen(context.CancellationToken), key => (domain is null || key.Domain == domain)
            && (entityType is null || key.Type == entityType) && (entityId is null || key.Id == entityId) && caller.May(ScopeVerb.Read, key)
            && space.Replica.GetWithDeleted(key) is { } entity ? new EntityView(space, entity) : null, context.CancellationToken);
    }

    private static async IAsyncEnumerable<TTold> Where<T, TTold>(
        IAsyncEnumerable<T> source, Func<T, TTold?> told, [EnumeratorCancellation] CancellationToken cancellation)
        where TTold : class
    {
        await foreach (T happened in source.WithCancellation(cancellation))
        {
            if (told(happened) is { } one) yield return one;
        }
    }
}
