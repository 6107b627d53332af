using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One of them, and its place.")]
internal sealed class BlobEdge(string cursor, BlobView node) : Edge<BlobView>(cursor, node);
