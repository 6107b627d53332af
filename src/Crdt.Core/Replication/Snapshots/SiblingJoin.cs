namespace Crdt;

/// <summary>The rule by which two states of one entity become one (semantics 3.4).</summary>
/// <param name="ours">Of each author, by index, what the own state includes.</param>
/// <param name="theirs">And what the other one includes.</param>
/// <param name="replicas">The table of these indexes.</param>
internal sealed class SiblingJoin(long[] ours, long[] theirs, ReplicaTable replicas)
{
    private readonly List<SiblingSlot> joined = [];

    /// <summary>What came of the last two states, in order of paths.</summary>
    public IReadOnlyList<SiblingSlot> Joined => joined;

    /// <summary>Fills <see cref="Joined"/>.</summary>
    /// <returns>Whether that is anything else than the own siblings.</returns>
    public bool TryJoin(ReadOnlySpan<SiblingSlot> own, ReadOnlySpan<SiblingSlot> their)
    {
        joined.Clear();
        bool isNews = false;
        while (!own.IsEmpty || !their.IsEmpty)
        {
            int order = own.IsEmpty ? 1 : their.IsEmpty ? -1 : own[0].Path.CompareTo(their[0].Path);
            ReadOnlySpan<SiblingSlot> a = order <= 0 ? TakeRegister(ref own) : default, b = order >= 0 ? TakeRegister(ref their) : default;
            foreach (ref readonly SiblingSlot sibling in a) isNews |= KeepOwn(sibling, b);
            foreach (ref readonly SiblingSlot sibling in b)
            {
                if (IndexOf(a, sibling.Dot) >= 0 || sibling.Dot.Sequence <= ours[sibling.Dot.Author]) continue;
                joined.Add(sibling);
                isNews = true;
            }
        }
        return isNews;
    }

    private bool KeepOwn(in SiblingSlot sibling, ReadOnlySpan<SiblingSlot> register)
    {
        int at = IndexOf(register, sibling.Dot);
        if (at < 0)
        {
            // The snapshot's maker had seen it, and holds it no more: it was replaced.
            if (sibling.Dot.Sequence <= theirs[sibling.Dot.Author]) return true;
            joined.Add(sibling);
            return false;
        }
        if (register[at].Extra?.Marks is not { } marks || SiblingMarks.Includes(sibling.Extra?.Marks, marks))
        {
            joined.Add(sibling);
            return false;
        }
        SiblingExtra extra = sibling.Extra ?? new SiblingExtra(default, 0, []);
        joined.Add(new SiblingSlot(sibling.Path, sibling.Dot, sibling.Timestamp, sibling.Value,
            extra with { Marks = SiblingMarks.Union(extra.Marks, marks, replicas) }));
        return true;
    }

    private static ReadOnlySpan<SiblingSlot> TakeRegister(ref ReadOnlySpan<SiblingSlot> siblings)
    {
        int count = 1;
        while (count < siblings.Length && siblings[count].Path.Equals(siblings[0].Path)) count++;
        ReadOnlySpan<SiblingSlot> register = siblings[..count];
        siblings = siblings[count..];
        return register;
    }

    private static int IndexOf(ReadOnlySpan<SiblingSlot> register, LocalDot dot)
    {
        for (int i = 0; i < register.Length; i++)
        {
            if (register[i].Dot.Identity == dot.Identity) return i;
        }
        return -1;
    }
}
