namespace Crdt.Server.GraphQL.Types;

/// <summary>A page of a list, as Relay has it.</summary>
internal abstract class Connection<TEdge, TNode>
    where TEdge : Edge<TNode>
    where TNode : class
{
    protected Connection(IReadOnlyList<TEdge> edges, bool hasNextPage, bool hasPreviousPage)
    {
        Edges = edges;
        PageInfo = new PageInfo(hasNextPage, hasPreviousPage, edges.Count == 0 ? null : edges[0].Cursor, edges.Count == 0 ? null : edges[^1].Cursor);
    }

    public IReadOnlyList<TEdge> Edges { get; }

    public IEnumerable<TNode> Nodes => Edges.Select(e => e.Node);

    public PageInfo PageInfo { get; }
}
