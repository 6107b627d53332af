using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A page of refused work.")]
internal sealed class RefusalConnection(IReadOnlyList<RefusalEdge> edges, bool hasNextPage, bool hasPreviousPage)
    : Connection<RefusalEdge, RefusalView>(edges, hasNextPage, hasPreviousPage);
