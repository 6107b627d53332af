using System.ComponentModel;
using Crdt.Server.Authorization;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;
using Crdt.Server.ThinClients;
using Crdt.Transport.Lanes;
using GraphQL;

namespace Crdt.Server.GraphQL;

[Description("What can be done. Whoever the token speaks for is the author.")]
[Name("Mutation")]
internal sealed class MutationRoot
{
    [Description("Queues one mutation of a device that holds no replica. Needs offline:write.")]
    public static async Task<QueuedResult> QueueMutation(
        IResolveFieldContext context, [FromServices] ThinQueue queue, Guid device, MutationInput mutation) =>
        (await queue.QueueAsync(context.Caller(), device, [mutation], context.CancellationToken))[0];

    [Description("Queues mutations of a device in order, in one transaction: all of them, or none. Those that were sent before are not done again. Needs offline:write.")]
    public static async Task<IEnumerable<QueuedResult>> QueueMutations(
        IResolveFieldContext context, [FromServices] ThinQueue queue, Guid device, IEnumerable<MutationInput> mutations) =>
        await queue.QueueAsync(context.Caller(), device, [.. mutations], context.CancellationToken);

    [Description("Settles a conflict: by a strategy, by one of its sides, or by a value. What nobody had seen yet stays. Needs offline:resolve.")]
    public static async Task<ConflictView> ResolveConflict(
        IResolveFieldContext context, [FromServices] ServerSpace space, [Id] string id, ConflictStrategy? strategy = null,
        [Description("The mutation that wrote the side that shall stand.")] Guid? sibling = null,
        [Description("What shall stand; of a conflict of existence true keeps the entity, false deletes it.")] Value? value = null,
        [Description("The sides that the person saw, by their mutations; all that there are, when left out.")] IEnumerable<Guid>? seen = null)
    {
        Caller caller = context.Caller();
        if ((strategy is null ? 0 : 1) + (sibling is null ? 0 : 1) + (value is null ? 0 : 1) != 1)
            throw new ApiError(ApiErrorCode.InvalidArgument, "One of 'strategy', 'sibling' and 'value' is needed.");
        Conflict? standing = ConflictLists.Find(space, id)?.Standing;
        if (standing is not null) caller.Need(ScopeVerb.Resolve, standing.Key);
        else caller.NeedSome(ScopeVerb.Resolve);
        if (standing is null) throw new ApiError(ApiErrorCode.NoConflict, "The conflict is settled already.", ("id", id));
        Conflict conflict = seen is null ? standing : Narrowed(standing, [.. seen]);
        Value decided = strategy is { } by ? ConflictDecisions.Decide(conflict, by)
            : sibling is { } side ? conflict.Siblings.Where(s => MutationId.Of(s.Dot) == side).Select(s => (Value?)s.Value).FirstOrDefault()
                ?? throw new ApiError(ApiErrorCode.NotFound, $"No side of the conflict was written by {side}.", ("argument", "sibling"))
            : value!.Value;
        CommitResult made = await CommitAsync(space, caller, tx => tx.Resolve(conflict, decided));
        QueuedMutation? resolution = made.Count == 0 ? null : space.Replica.FindMutation(made.First);
        return new ConflictView(space, standing.Key, standing.Path, standing.Kind, standing.Policy, conflict.Siblings, decided, ConflictStatus.Resolved, resolution);
    }

    [Description("Sends refused work again as it was. Needs offline:write there, and to be its author or offline:resolve.")]
    public static Task<IEnumerable<OfflineMutation>> Retry(
        IResolveFieldContext context, [FromServices] ServerSpace space, [Description("Any mutation of the refused work.")] Guid mutation) =>
        ResubmitAsync(context.Caller(), space, mutation, []);

    [Description("Sends refused work again with changes. Needs what 'retry' needs.")]
    public static Task<IEnumerable<OfflineMutation>> EditAndResubmit(
        IResolveFieldContext context, [FromServices] ServerSpace space, [Description("Any mutation of the refused work.")] Guid mutation,
        IEnumerable<ChangeInput> changes) => ResubmitAsync(context.Caller(), space, mutation, [.. changes]);

    [Description("Gives refused work up; that is recorded, and the work stays in the list of all refusals. Needs to be its author, or offline:resolve.")]
    public static async Task<RefusalView> Discard(
        IResolveFieldContext context, [FromServices] ServerSpace space, [Description("Any mutation of the refused work.")] Guid mutation)
    {
        Caller caller = context.Caller();
        RefusedTransaction refused = FindRefused(caller, space, mutation, needsWrite: false);
        await RunAsync(() => space.Replica.DiscardAsync(refused, caller.Subject));
        return new RefusalView(space, space.Replica.FindRefusal(refused.First)!);
    }

    [Description("Gives refused work to somebody else to decide. Needs to be its author, or offline:resolve.")]
    public static async Task<RefusalView> Reassign(
        IResolveFieldContext context, [FromServices] ServerSpace space, [Description("Any mutation of the refused work.")] Guid mutation, string assignee)
    {
        Caller caller = context.Caller();
        RefusedTransaction refused = FindRefused(caller, space, mutation, needsWrite: false);
        await RunAsync(() => space.Replica.ReassignAsync(refused, assignee, caller.Subject));
        return new RefusalView(space, space.Replica.FindRefusal(refused.First)!);
    }

    [Description("Sets policies, all of them or none. Needs offline:admin of the domains.")]
    public static async Task<IEnumerable<PolicyView>> SetPolicies(
        IResolveFieldContext context, [FromServices] ServerSpace space, IEnumerable<PolicyInput> policies)
    {
        Caller caller = context.Caller();
        var scopes = new List<PolicyScope>();
        await CommitAsync(space, caller, tx =>
        {
            foreach (PolicyInput policy in policies)
            {
                PolicyScope scope = PolicyScope.Parse(policy.Scope);
                if (!caller.Scopes.Any(s => s.Verb == ScopeVerb.Admin && s.Id is null && (s.Domain is null || s.Domain == scope.Domain)
                    && (s.Type is null || s.Type == scope.Type))) caller.NeedAll(ScopeVerb.Admin);
                if (policy.Strategy is null && policy.Existence is null)
                    throw new ApiError(ApiErrorCode.InvalidArgument, $"For '{scope}' neither a strategy nor existence is given.", ("argument", "policies"));
                if (policy.Strategy is { } strategy) tx.SetPolicy(scope, (ConflictPolicy)strategy);
                if (policy.Existence is { } existence) tx.SetPolicy(scope, existence);
                scopes.Add(scope);
            }
        });
        return PolicyView.All(space).Where(p => scopes.Any(s => s.ToString() == p.Scope));
    }

    [Description("Says what a person may do, as scopes; none takes everything away. Needs offline:admin.")]
    public static async Task<GrantView> SetGrant(
        IResolveFieldContext context, [FromServices] ServerSpace space, string user, IEnumerable<string> scopes)
    {
        Caller caller = context.Caller();
        caller.NeedAll(ScopeVerb.Admin);
        Scope[] given = [.. scopes.Select(s => Scope.TryParse(s, out Scope? scope)
            ? scope : throw new ApiError(ApiErrorCode.InvalidArgument, $"'{s}' is no scope.", ("argument", "scopes")))];
        EntityKey key = Paging.Key(EntityKey.SpaceDomain, Grants.EntityType, user);
        await CommitAsync(space, caller, tx => tx.Upsert(key).Set(Grants.ScopesField, Grants.Write(given)));
        return new GrantView(space.Replica.Get(key)!);
    }

    [Description("Lets a device take part: one that holds a replica by its public key, which needs offline:admin; or a thin client, which needs offline:write.")]
    public static async Task<DeviceView> RegisterDevice(IResolveFieldContext context, [FromServices] DeviceRegister register, DeviceInput device) =>
        await register.RegisterAsync(context.Caller(), device);

    [Description("Takes trust away from a device, for good: one that is lost or stolen. Needs offline:admin.")]
    public static async Task<DeviceView> RevokeDevice(IResolveFieldContext context, [FromServices] DeviceRegister register, Guid id) =>
        await register.EndAsync(context.Caller(), id, DeviceState.Revoked);

    [Description("Ends a device for good: one that is given away. Needs offline:admin; a thin client's owner may, too.")]
    public static async Task<DeviceView> RetireDevice(IResolveFieldContext context, [FromServices] DeviceRegister register, Guid id) =>
        await register.EndAsync(context.Caller(), id, DeviceState.Retired);

    [Description("Says when the space has its turn on connections with a peer, and what rests there, until it is said anew. What is left out stays as it is. Needs offline:admin.")]
    public static PeerView SteerPeer(
        IResolveFieldContext context, [FromServices] ServerSpace space,
        [Description("The peer's node_id.")] Guid node,
        [Description("Whether nothing is sent or asked for.")] bool? isHeld,
        [Description("Whether attachments travel.")] bool? carriesAttachments,
        [Description("From -1,000 to 1,000.")] int? priority)
    {
        context.Caller().NeedAll(ScopeVerb.Admin);
        if (space.Node is not { } peers || PeerView.All(space).FirstOrDefault(p => p.NodeId == node) is not { } known)
            throw new ApiError(ApiErrorCode.NotFound, $"Node {node} has not been met.", ("argument", "node"));
        if (priority is < -SpaceLane.PriorityMax or > SpaceLane.PriorityMax)
            throw new ApiError(ApiErrorCode.InvalidArgument, $"Priority {priority} is not from -{SpaceLane.PriorityMax} to {SpaceLane.PriorityMax}.", ("argument", "priority"));
        space.Steering.Steer(peers.Lanes, space.Replica.Space, node, before => before with
        {
            IsHeld = isHeld ?? before.IsHeld,
            CarriesAttachments = carriesAttachments ?? before.CarriesAttachments,
            Priority = priority ?? before.Priority,
        });
        return known;
    }

    internal static async Task<CommitResult> CommitAsync(ServerSpace space, Caller caller, Action<Transaction> edits) =>
        await RunAsync(() => space.Replica.CommitAsync(edits, caller.Subject));

    /// <summary>Tells what a commit said as clients read it.</summary>
    internal static async Task<CommitResult> RunAsync(Func<ValueTask<CommitResult>> commit)
    {
        try
        {
            return await commit();
        }
        catch (MutationException e)
        {
            throw ApiError.From(e);
        }
        catch (TransactionTooLargeException e)
        {
            throw new ApiError(ApiErrorCode.InvalidMutation, e.Message);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, e.Message);
        }
    }

    private static Conflict Narrowed(Conflict standing, HashSet<Guid> seen)
    {
        Sibling[] sides = [.. standing.Siblings.Where(s => seen.Contains(MutationId.Of(s.Dot)))];
        return sides.Length == 0 ? throw new ApiError(ApiErrorCode.NoConflict, "None of the sides that were seen stands any more.")
            : sides.Length == standing.Siblings.Count ? standing
            : new Conflict(standing.Key, standing.Path, standing.Kind, standing.Policy, sides, standing.Visible, standing.IsOpen);
    }

    private static RefusedTransaction FindRefused(Caller caller, ServerSpace space, Guid mutation, bool needsWrite)
    {
        caller.NeedSome(needsWrite ? ScopeVerb.Write : ScopeVerb.Read);
        RefusedTransaction refused = MutationId.Find(mutation, space.Replica.Vector.Select(d => d.Replica)) is { } dot
            && space.Replica.FindRefusal(dot) is { } found
                ? found : throw new ApiError(ApiErrorCode.NotFound, $"{mutation} was not refused.", ("argument", "mutation"));
        foreach (EntityKey key in refused.Work.Select(w => w.Key).Distinct())
        {
            if (refused.User != caller.Subject && refused.Assignee != caller.Subject) caller.Need(ScopeVerb.Resolve, key);
            if (needsWrite) caller.Need(ScopeVerb.Write, key);
        }
        return refused;
    }

    private static async Task<IEnumerable<OfflineMutation>> ResubmitAsync(Caller caller, ServerSpace space, Guid mutation, IReadOnlyList<ChangeInput> changes)
    {
        RefusedTransaction refused = FindRefused(caller, space, mutation, needsWrite: true);
        if (refused.Handling is RefusalHandling.Resubmitted or RefusalHandling.Discarded)
            throw new ApiError(ApiErrorCode.InvalidMutation, $"It was {refused.Handling.ToString().ToLowerInvariant()} before.", ("argument", "mutation"));
        var byKey = changes.ToLookup(c => c.ToKey(), c => c.Payload);
        if (changes.FirstOrDefault(c => refused.Work.All(w => w.Key != c.ToKey())) is { } stray)
            throw new ApiError(ApiErrorCode.InvalidArgument, $"The refused work has nothing of {stray.ToKey()}.", ("argument", "changes"));
        CommitResult made = await RunAsync(() => space.Replica.ResubmitAsync(refused, edit =>
        {
            foreach (Value payload in byKey[edit.Key]) PayloadEdits.Apply(edit, payload);
        }, caller.Subject));
        return Enumerable.Range(0, made.Count).Select(i => space.Replica.FindMutation(new Dot(made.Replica, made.FirstSequence + i))!)
            .Where(q => OfflineMutation.Shows(q.Mutation) && !q.Mutation.Key.IsSpaceData).Select(q => new OfflineMutation(space, q)).ToArray();
    }
}
