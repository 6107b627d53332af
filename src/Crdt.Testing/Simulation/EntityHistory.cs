namespace Crdt.Testing.Simulation;

/// <summary>Everything that was ever written in one entity, as far as somebody may still hold it.</summary>
internal sealed class EntityHistory(EntityKey key)
{
    private const int PrunedAfter = 64;

    private readonly List<SiblingRecord> siblings = [];
    private int replaced, prunedAt = PrunedAfter;

    public EntityKey Key { get; } = key;

    public IReadOnlyList<SiblingRecord> Siblings => siblings;

    public void Add(SiblingRecord sibling) => siblings.Add(sibling);

    /// <summary>The value of that dot at that path; the newest are looked at first, since most that is replaced is new.</summary>
    public SiblingRecord? Find(FieldPath path, int author, long sequence)
    {
        for (int i = siblings.Count - 1; i >= 0; i--)
        {
            SiblingRecord sibling = siblings[i];
            if (sibling.Sequence == sequence && sibling.Author == author && sibling.Path.Equals(path)) return sibling;
        }
        return null;
    }

    /// <summary>The author's last value at that path.</summary>
    public SiblingRecord? FindLast(FieldPath path, int author)
    {
        for (int i = siblings.Count - 1; i >= 0; i--)
        {
            if (siblings[i].Author == author && siblings[i].Path.Equals(path)) return siblings[i];
        }
        return null;
    }

    public void Replace(SiblingRecord sibling, int by, long at)
    {
        if (!sibling.IsReplaced) replaced++;
        sibling.AddReplacer(by, at);
    }

    /// <summary>Forgets what nobody can hold any more, if there may be enough of it.</summary>
    /// <param name="everywhere">What every replica has applied at least.</param>
    /// <param name="always">Whether to look however little there is.</param>
    public void Prune(long[] everywhere, bool always)
    {
        if (!always && replaced < prunedAt) return;
        replaced -= siblings.RemoveAll(s => s.IsReplaced && s.IsGoneSince(everywhere));
        prunedAt = (2 * replaced) + PrunedAfter;
    }
}
