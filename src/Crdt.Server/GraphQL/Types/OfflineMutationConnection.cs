using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A page of mutations.")]
internal sealed class OfflineMutationConnection(IReadOnlyList<OfflineMutationEdge> edges, bool hasNextPage, bool hasPreviousPage)
    : Connection<OfflineMutationEdge, OfflineMutation>(edges, hasNextPage, hasPreviousPage);
