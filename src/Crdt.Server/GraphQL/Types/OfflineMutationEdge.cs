using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One of them, and its place.")]
internal sealed class OfflineMutationEdge(string cursor, OfflineMutation node) : Edge<OfflineMutation>(cursor, node);
