namespace Crdt;

/// <summary>JSON merge patch (RFC 7396) of values.</summary>
public static class JsonMergePatch
{
    /// <summary>What <paramref name="target"/> becomes by <paramref name="patch"/>: members that are null in the patch
    /// are removed, objects are merged, all else is replaced.</summary>
    public static Value Apply(Value target, Value patch)
    {
        if (patch.Kind != ValueKind.Object) return patch;
        var members = new SortedDictionary<string, Value>(StringComparer.Ordinal);
        if (target.Kind == ValueKind.Object)
        {
            foreach ((string name, Value member) in target.AsObject()) members[name] = member;
        }
        foreach ((string name, Value member) in patch.AsObject())
        {
            if (member.IsNull) members.Remove(name);
            else members[name] = Apply(members.GetValueOrDefault(name), member);
        }
        return members.Count == 0 ? Value.EmptyObject : Value.FromTrusted(members.ToArray());
    }
}
