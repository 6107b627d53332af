using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("Which entity.")]
internal sealed class EntityRef
{
    public string Domain { get; set; } = "";

    public string EntityType { get; set; } = "";

    public string EntityId { get; set; } = "";

    /// <exception cref="ApiError">A part breaks the rules of names.</exception>
    internal EntityKey ToKey() => Paging.Key(Domain, EntityType, EntityId);
}
