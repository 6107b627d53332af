namespace Crdt.Server.GraphQL;

/// <summary>What a mutation wrote, as one document.</summary>
internal static class MutationPayload
{
    public static Value Of(Mutation mutation)
    {
        var root = new Node();
        foreach (Change change in mutation.Changes)
        {
            if (change.Path.IsRoot || change.Marks is not null) continue;
            Node at = root;
            foreach (PathSegment segment in change.Path.Segments.SkipLast(1)) at = at.Child(segment.Name);
            string name = change.Path.Name;
            switch (change.Path.Kind)
            {
                case PathKind.Element:
                    at.Child(change.Value is null ? "$remove" : "$add").Items.Add(name);
                    break;
                case PathKind.Key:
                    at.Child(name).Leaf = change.Value ?? Value.Null;
                    break;
                default:
                    at.Child(name).Child("$count").Leaf = change.Value ?? Value.Null;
                    break;
            }
        }
        return root.ToValue();
    }

    private sealed class Node
    {
        private readonly SortedDictionary<string, Node> children = new(StringComparer.Ordinal);

        public Value? Leaf { get; set; }

        public List<string> Items { get; } = [];

        public Node Child(string name) => children.TryGetValue(name, out Node? child) ? child : children[name] = new Node();

        // What stands below a removed or replaced value is what was written after it.
        public Value ToValue() => children.Count > 0 ? Value.ObjectOf(children.Select(c => KeyValuePair.Create(c.Key, c.Value.ToValue())))
            : Items.Count > 0 ? Value.ArrayOf(Items.Select(i => (Value)i))
            : Leaf ?? Value.EmptyObject;
    }
}
