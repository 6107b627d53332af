using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("What shall be different of refused work when it is sent again.")]
internal sealed class ChangeInput
{
    public string Domain { get; set; } = "";

    public string EntityType { get; set; } = "";

    public string EntityId { get; set; } = "";

    [Description("A JSON merge patch over what was meant.")]
    public Value Payload { get; set; }

    /// <exception cref="ApiError">A part breaks the rules of names.</exception>
    internal EntityKey ToKey() => Paging.Key(Domain, EntityType, EntityId);
}
