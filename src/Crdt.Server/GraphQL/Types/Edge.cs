namespace Crdt.Server.GraphQL.Types;

/// <summary>One row of a page.</summary>
internal abstract class Edge<TNode>(string cursor, TNode node)
    where TNode : class
{
    public string Cursor { get; } = cursor;

    public TNode Node { get; } = node;
}
