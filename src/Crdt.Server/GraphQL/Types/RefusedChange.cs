using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One thing that refused work did.")]
internal sealed class RefusedChange(EscrowedChange change)
{
    public Guid MutationId => Crdt.MutationId.Of(change.Dot);

    public MutationType Type => (MutationType)change.Kind;

    public string Domain => change.Key.Domain;

    public string EntityType => change.Key.Type;

    public string EntityId => change.Key.Id;

    [Description("The field; empty for the entity itself.")]
    public string Path => change.Path.ToString();

    [Description("What was written; null for a removal, and for what is too long to be kept beside the log.")]
    public Value? Value => change.Value;
}
