using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A page of entities.")]
internal sealed class EntityConnection(IReadOnlyList<EntityEdge> edges, bool hasNextPage, bool hasPreviousPage)
    : Connection<EntityEdge, EntityView>(edges, hasNextPage, hasPreviousPage);
