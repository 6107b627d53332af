namespace Crdt;

/// <summary>What somebody holds, and of which log: a vector with the tag of each author's chain there. Without tags it says
/// nothing of logs.</summary>
/// <param name="Held">Up to where.</param>
/// <param name="Tags">One for each author of <paramref name="Held"/>, or none at all.</param>
internal readonly record struct Holding(VersionVector Held, ChainTags Tags)
{
    public static readonly Holding None = new(VersionVector.Empty, ChainTags.None);

    /// <summary>What heads say.</summary>
    public static Holding Of(IReadOnlyCollection<ChainHead> heads) =>
        new(VersionVector.From(heads.Select(static h => new Dot(h.Author, h.Sequence))), ChainTags.Of(heads));

    /// <summary>Whether each author has its tag.</summary>
    public bool IsTagged => Tags.Count == Held.Count && Held.All(TagsHave);

    private bool TagsHave(Dot dot) => Tags[dot.Replica] is not null;

    /// <summary>What of this differs from what was said earlier; see <see cref="VersionVector.Since"/>.</summary>
    public Holding Since(Holding before)
    {
        ChainTags tags = Tags;
        var held = VersionVector.From(Held.Where(d => before.Held[d.Replica] != d.Sequence || before.Tags[d.Replica] != tags[d.Replica]));
        return new Holding(held, Tags.Of(held));
    }

    /// <summary>This with what <see cref="Since"/> told.</summary>
    public Holding With(Holding since) => new(Held.With(since.Held), Tags.With(since.Tags));
}
