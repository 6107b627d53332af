using System.ComponentModel;
using Crdt.Server.Authorization;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Space")]
[Description("What this server replicates.")]
internal sealed class SpaceView(ServerSpace space)
{
    [Id]
    public string Id => space.Replica.Space.ToString();

    public string Name => space.Replica.SpaceName;

    [Description("This server's replica.")]
    public Guid ReplicaId => space.Replica.Id.Value;

    public ReplicaRole Role => space.Replica.Role;

    [Description("Whether only who is enrolled takes part.")]
    public bool IsKeyed => space.Replica.IsKeyed;

    [Description("How far other devices' clocks are from this one's, where that is more than a second.")]
    public IEnumerable<ClockSkewView> ClockSkews(IResolveFieldContext context) => Of(context).Replica.ClockSkews.Where(s => Math.Abs(s.OffsetMs) >= 1_000).Select(s => new ClockSkewView(s));

    [Description("Replicas that had applied the same as this server and held something else: a defect, or damage on one side.")]
    public IEnumerable<DivergenceView> Divergences(IResolveFieldContext context) => Of(context).Replica.Divergences.Select(d => new DivergenceView(d));

    [Description("The last look through the whole log for what is unaccounted for; null until there was one since the server started.")]
    public AuditView? Audit(IResolveFieldContext context) => Of(context).LastAudit is { } audit ? new AuditView(audit) : null;

    [Description("The connections to peers, and the attempts to make some.")]
    public IEnumerable<PeerView> Peers(IResolveFieldContext context) => PeerView.All(Of(context));

    // What concerns everybody's devices is shown to whoever may read everything.
    private ServerSpace Of(IResolveFieldContext context)
    {
        context.Caller().NeedAll(ScopeVerb.Read);
        return space;
    }
}
