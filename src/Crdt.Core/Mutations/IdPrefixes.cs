namespace Crdt;

/// <summary>What the ids of each type in a batch begin with alike: told once. UUIDs have none.</summary>
/// <remarks>Of two ids and more the longest beginning that leaves something of each, and no half of a letter.</remarks>
internal sealed class IdPrefixes
{
    private readonly List<(string First, int Length, bool IsAlone)> types = [];
    private bool isSettled;
    private bool hasAny;

    /// <summary>Whether the ids of any type begin alike.</summary>
    public bool HasAny
    {
        get
        {
            if (isSettled) return hasAny;
            for (int t = 0; t < types.Count; t++) hasAny |= Of(t).Length > 0;
            isSettled = true;
            return hasAny;
        }
    }

    public void Clear()
    {
        types.Clear();
        (isSettled, hasAny) = (false, false);
    }

    /// <summary>Takes in an id.</summary>
    /// <param name="type">Index of its type, at most the number of types so far.</param>
    /// <param name="id">The id, in the form of a UUID or not.</param>
    public void Add(int type, string id)
    {
        if (type == types.Count) types.Add(("", 0, true));
        if (BatchWriter.TryGetUuid(id, out _)) return;
        (string first, int length, _) = types[type];
        types[type] = first.Length == 0 ? (id, id.Length - 1, true)
            : (first, first.AsSpan(0, length).CommonPrefixLength(id.AsSpan(0, id.Length - 1)), false);
    }

    /// <summary>What the ids of a type begin with; may be empty.</summary>
    public ReadOnlySpan<char> Of(int type)
    {
        (string first, int length, bool isAlone) = types[type];
        if (isAlone || length == 0) return default;
        return first.AsSpan(0, char.IsHighSurrogate(first[length - 1]) ? length - 1 : length);
    }
}
