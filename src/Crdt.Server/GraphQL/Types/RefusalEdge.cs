using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One of them, and its place.")]
internal sealed class RefusalEdge(string cursor, RefusalView node) : Edge<RefusalView>(cursor, node);
