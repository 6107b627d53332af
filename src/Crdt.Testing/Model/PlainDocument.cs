namespace Crdt.Testing;

/// <summary>What an edit means on a plain JSON document, as its documentation says it, for somebody alone.</summary>
public static class PlainDocument
{
    /// <summary>The document after one step of an edit.</summary>
    public static Value Apply(Value document, Op op)
    {
        string[] path = op.Path.Split('/');
        return op.Does switch
        {
            OpKind.Set => Set(document, path, Value.ParseJson(op.Text)),
            OpKind.Remove => Remove(document, path),
            OpKind.Add => Set(document, path, Elements(Find(document, path), op.Text, isAdded: true)),
            OpKind.Discard => Discard(document, path, op.Text),
            OpKind.Patch => JsonMergePatch.Apply(document, Value.ParseJson(op.Text)),
            OpKind.Replace => Value.ParseJson(op.Text),
            _ => document,
        };
    }

    private static Value? Find(Value document, ReadOnlySpan<string> path)
    {
        if (path.IsEmpty) return document;
        return document.TryGetMember(path[0], out Value member) ? Find(member, path[1..]) : null;
    }

    private static Value Set(Value document, ReadOnlySpan<string> path, Value value)
    {
        if (path.IsEmpty) return value;
        var members = Members(document);
        members[path[0]] = Set(members.GetValueOrDefault(path[0]), path[1..], value);
        return Value.ObjectOf(members);
    }

    /// <summary>A map that has lost its last member is gone: nothing is held below it any more.</summary>
    private static Value Remove(Value document, ReadOnlySpan<string> path)
    {
        var members = Members(document);
        if (!members.TryGetValue(path[0], out Value member)) return document;
        if (path.Length == 1) members.Remove(path[0]);
        else if (member.Kind == ValueKind.Object && member.TryGetMember(path[1], out _))
        {
            members[path[0]] = Remove(member, path[1..]);
            if (members[path[0]] == Value.EmptyObject && Find(member, path[1..]) is not null) members.Remove(path[0]);
        }
        return Value.ObjectOf(members);
    }

    private static Value Discard(Value document, string[] path, string element)
    {
        if (Find(document, path) is not { Kind: ValueKind.Array } set) return document;
        Value rest = Elements(set, element, isAdded: false);
        return rest.AsArray().Count == 0 ? Remove(document, path) : Set(document, path, rest);
    }

    private static Value Elements(Value? set, string element, bool isAdded)
    {
        var elements = new SortedSet<string>(StringComparer.Ordinal);
        if (set is { Kind: ValueKind.Array } present) elements.UnionWith(present.AsArray().Select(e => e.AsString()));
        if (isAdded) elements.Add(element);
        else elements.Remove(element);
        return Value.ArrayOf(elements.Select(e => (Value)e));
    }

    private static Dictionary<string, Value> Members(Value document) =>
        document.Kind == ValueKind.Object ? new(document.AsObject()) : [];
}
