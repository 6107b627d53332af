using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A page of conflicts.")]
internal sealed class ConflictConnection(IReadOnlyList<ConflictEdge> edges, bool hasNextPage, bool hasPreviousPage)
    : Connection<ConflictEdge, ConflictView>(edges, hasNextPage, hasPreviousPage);
