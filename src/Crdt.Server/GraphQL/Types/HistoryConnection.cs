using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A page of an entity's history.")]
internal sealed class HistoryConnection(IReadOnlyList<HistoryEdge> edges, bool hasNextPage, bool hasPreviousPage)
    : Connection<HistoryEdge, HistoryEntryView>(edges, hasNextPage, hasPreviousPage);
