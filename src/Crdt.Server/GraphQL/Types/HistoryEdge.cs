using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One of them, and its place.")]
internal sealed class HistoryEdge(string cursor, HistoryEntryView node) : Edge<HistoryEntryView>(cursor, node);
