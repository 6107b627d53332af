using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Refusal")]
[Description("Work that a server refused, kept with its values until its author or a supervisor decides what becomes of it.")]
internal sealed class RefusalView(ServerSpace space, RefusedTransaction refused)
{
    [Description("The first mutation of the refused transaction.")]
    public Guid MutationId => Crdt.MutationId.Of(refused.First);

    [Description("How many mutations it had.")]
    public long Mutations => refused.Last - refused.First.Sequence + 1;

    public string? Author => refused.User;

    public Guid DeviceId => refused.First.Replica.Value;

    public RefusalCode Code => refused.Code;

    [Description("Why, in words.")]
    public string Reason => refused.Reason;

    public Guid RefusedBy => refused.RefusedBy.Value;

    public DateTimeOffset RefusedAt => refused.RefusedAt;

    [Description("When the first of it was made.")]
    public DateTimeOffset? CreatedAt => space.Replica.FindMutation(refused.First)?.Mutation.CreatedAt;

    [Description("When it was decided what becomes of it.")]
    public DateTimeOffset? ResolvedAt => refused.HandledAt;

    [Description("What became of it.")]
    public RefusalHandling Handling => refused.Handling;

    [Description("Who decided that.")]
    public string? HandledBy => refused.HandledBy;

    [Description("To whom it was given.")]
    public string? Assignee => refused.Assignee;

    [Description("What it did.")]
    public IEnumerable<RefusedChange> Work => refused.Work.Select(w => new RefusedChange(w));

    /// <summary>What it is about.</summary>
    internal IEnumerable<EntityKey> Keys => refused.Work.Select(w => w.Key).Distinct();
}
