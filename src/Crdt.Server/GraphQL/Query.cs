using System.ComponentModel;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL;

[Description("What can be asked. A scope offline:read is needed, of the space or narrowed to what is asked for.")]
internal sealed class Query
{
    [Description("What this server replicates, and how it gets on with its peers.")]
    public static SpaceView Space(IResolveFieldContext context, [FromServices] ServerSpace space)
    {
        context.Caller().NeedSome(ScopeVerb.Read);
        return new SpaceView(space);
    }

    [Description("What people did, and where it stands. A page may be shorter than was asked for; hasNextPage tells whether more is left.")]
    public static OfflineMutationConnection Mutations(
        IResolveFieldContext context, [FromServices] ServerSpace space, MutationsFilter? filter,
        [Description("By when this server learned of them.")] MutationOrder order = MutationOrder.NewestFirst,
        [Description("How many at most: 50, and no more than 200.")] int? first = null, string? after = null) =>
        MutationLists.Page(space, context.Caller(), filter, order, first, after);

    [Description("One mutation, by its UUID or by that of a thin client's request.")]
    public static OfflineMutation? Mutation(IResolveFieldContext context, [FromServices] ServerSpace space, Guid? id = null, Guid? requestId = null)
    {
        if (id is null == requestId is null) throw new ApiError(ApiErrorCode.InvalidArgument, "One of 'id' and 'requestId' is needed.");
        QueuedMutation? found = id is { } mutation ? space.Replica.FindMutation(mutation)
            : space.Replica.Page(new MutationFilter { RequestId = requestId }, 1).Items is [var first, ..] ? first : null;
        if (found is null || !OfflineMutation.Shows(found.Mutation)) return null;
        context.Caller().Need(ScopeVerb.Read, found.Mutation.Key);
        return new OfflineMutation(space, found);
    }

    [Description("Where the mutations of the space stand, or of a device, or of a person.")]
    public static SyncStatus SyncStatus(IResolveFieldContext context, [FromServices] ServerSpace space, Guid? device = null, string? user = null)
    {
        context.Caller().NeedSome(ScopeVerb.Read);
        return new SyncStatus(new SpaceView(space), device is { } one
            ? Queues.Of(space, one, user) is { } queue ? [queue] : []
            : [.. Queues.All(space, user)]);
    }

    [Description("What a device has written, and how far it has come; null when nothing of it is known.")]
    public static DeviceQueueView? DeviceQueue(IResolveFieldContext context, [FromServices] ServerSpace space, Guid device, string? user = null)
    {
        context.Caller().NeedSome(ScopeVerb.Read);
        return Queues.Of(space, device, user);
    }

    [Description("Conflicts: those that wait for a person, those that a policy decided, or those that were settled, the latest first.")]
    public static ConflictConnection Conflicts(
        IResolveFieldContext context, [FromServices] ServerSpace space, ConflictStatus status = ConflictStatus.Open, string? domain = null,
        string? entityType = null, [Description("How many at most: 50, and no more than 200.")] int? first = null, string? after = null) =>
        ConflictLists.Page(space, context.Caller(), status, domain, entityType, first, after);

    [Description("One conflict; null when it does not stand any more.")]
    public static ConflictView? Conflict(IResolveFieldContext context, [FromServices] ServerSpace space, [Id] string id)
    {
        if (ConflictLists.Find(space, id) is not { } found) return null;
        EntityKey key = found.Standing?.Key ?? found.Resolution!.Mutation.Key;
        context.Caller().Need(ScopeVerb.Read, key);
        return found.Standing is { } standing ? new ConflictView(space, standing)
            : ConflictView.OfResolution(space, found.Resolution!).FirstOrDefault(c => c.Path == found.Path.ToString());
    }

    [Description("The living entities of a type.")]
    public static EntityConnection Entities(
        IResolveFieldContext context, [FromServices] ServerSpace space, string domain, string entityType,
        [Description("A condition: status = 'open' AND priority >= 2. See docs/graphql.md.")] string? where = null,
        [Description("A field, or a member of it as a/b. Without it, in order of the ids.")] string? orderBy = null, bool descending = false,
        [Description("How many at most: 50, and no more than 200.")] int? first = null, string? after = null) =>
        EntityLists.Page(space, context.Caller(), domain, entityType, where, orderBy, descending, first, after);

    [Description("One entity, also a deleted one; null when it never was.")]
    public static EntityView? Entity(IResolveFieldContext context, [FromServices] ServerSpace space, string domain, string entityType, string entityId)
    {
        EntityKey key = Paging.Key(domain, entityType, entityId);
        context.Caller().Need(ScopeVerb.Read, key);
        return space.Replica.GetWithDeleted(key) is { } entity ? new EntityView(space, entity) : null;
    }

    [Description("Attachments that entities name, in order of their roots, and how they stand on this server.")]
    public static BlobConnection Blobs(
        IResolveFieldContext context, [FromServices] ServerSpace space, BlobStanding? standing = null,
        [Description("How many at most: 50, and no more than 200.")] int? first = null, string? after = null) =>
        BlobLists.Page(space, context.Caller(), standing, first, after);

    [Description("One attachment; null where no entity names it that the token reads.")]
    public static BlobView? Blob(IResolveFieldContext context, [FromServices] ServerSpace space, [Description("64 hex digits.")] string root) =>
        BlobLists.Find(space, context.Caller(), root);

    [Description("Who takes part in the space, thin clients too. Needs offline:read of the whole space.")]
    public static IEnumerable<DeviceView> Devices(IResolveFieldContext context, [FromServices] ServerSpace space)
    {
        context.Caller().NeedAll(ScopeVerb.Read);
        return Types.Devices.All(space);
    }

    [Description("One device; null when it is not known.")]
    public static DeviceView? Device(IResolveFieldContext context, [FromServices] ServerSpace space, Guid id)
    {
        context.Caller().NeedSome(ScopeVerb.Read);
        return Types.Devices.Find(space, id);
    }

    [Description("How concurrent writes are settled, as far as it was said.")]
    public static IEnumerable<PolicyView> Policies(IResolveFieldContext context, [FromServices] ServerSpace space)
    {
        context.Caller().NeedSome(ScopeVerb.Read);
        return PolicyView.All(space);
    }

    [Description("What people may do, by the tokens that they have shown or by what was said. Needs offline:admin.")]
    public static IEnumerable<GrantView> Grants(IResolveFieldContext context, [FromServices] ServerSpace space)
    {
        context.Caller().NeedAll(ScopeVerb.Admin);
        return space.Replica.Keys(EntityKey.SpaceDomain, Authorization.Grants.EntityType)
            .Select(space.Replica.Get).OfType<Entity>().Select(e => new GrantView(e));
    }

    [Description("Work that servers refused, the newest last: what waits for a decision, or all of it.")]
    public static RefusalConnection Refusals(
        IResolveFieldContext context, [FromServices] ServerSpace space, [Description("Only what nobody has decided yet.")] bool openOnly = true,
        [Description("How many at most: 50, and no more than 200.")] int? first = null, string? after = null)
    {
        Caller caller = context.Caller();
        caller.NeedSome(ScopeVerb.Read);
        int count = Paging.Count(first), offset = Cursors.DecodeOffset(after);
        RefusedTransaction[] found = [.. space.Replica.Refusals(openOnly)
            .Where(r => r.Work.All(w => caller.May(ScopeVerb.Read, w.Key))).OrderBy(r => r.RefusedAt).Skip(offset).Take(count + 1)];
        RefusalEdge[] edges = [.. found.Take(count).Select((r, i) => new RefusalEdge(Cursors.Encode($"{offset + i}"), new RefusalView(space, r)))];
        return new RefusalConnection(edges, found.Length > count, offset > 0);
    }

    [Description("Why a mutation, an entity or a device stands where it stands, what comes next, and who can change it.")]
    public static ExplanationView? Why(
        IResolveFieldContext context, [FromServices] ServerSpace space, Guid? mutation = null, EntityRef? entity = null,
        [Description("Needs offline:read of the whole space.")] Guid? device = null)
    {
        Caller caller = context.Caller();
        Explanation? found;
        if (mutation is { } id && entity is null && device is null)
        {
            caller.NeedSome(ScopeVerb.Read);
            found = space.Replica.Why(id);
            if (found?.Mutation is { } about) caller.Need(ScopeVerb.Read, about.Mutation.Key);
            else if (found is not null) caller.NeedAll(ScopeVerb.Read);
        }
        else if (entity is not null && mutation is null && device is null)
        {
            EntityKey key = entity.ToKey();
            caller.Need(ScopeVerb.Read, key);
            found = space.Replica.Why(key);
        }
        else if (device is { } replica && mutation is null && entity is null)
        {
            caller.NeedAll(ScopeVerb.Read);
            found = space.Replica.Why(new ReplicaId(replica));
        }
        else
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, "One of 'mutation', 'entity' and 'device' is needed.");
        }
        return found is null ? null : new ExplanationView(space, found);
    }
}
