using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A page of attachments.")]
internal sealed class BlobConnection(IReadOnlyList<BlobEdge> edges, bool hasNextPage, bool hasPreviousPage)
    : Connection<BlobEdge, BlobView>(edges, hasNextPage, hasPreviousPage);
