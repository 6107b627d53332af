using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One of them, and its place.")]
internal sealed class ConflictEdge(string cursor, ConflictView node) : Edge<ConflictView>(cursor, node);
