using System.Buffers.Binary;

namespace Crdt;

/// <summary>Of each author the beginning of its chain's hash, at the sequence that the vector beside it names: it tells of
/// which log of an id in use twice that sequence is. Immutable.</summary>
/// <remarks>Only the author itself could make two logs that begin alike here, and what it gains is that its own work counts as
/// held; so half of the hash is enough.</remarks>
internal sealed class ChainTags : IEquatable<ChainTags>
{
    /// <summary>Bytes of a tag.</summary>
    public const int LengthBytes = 16;

    /// <summary>No tags at all.</summary>
    public static readonly ChainTags None = new([]);

    private readonly Dictionary<ReplicaId, UInt128> tags;

    private ChainTags(Dictionary<ReplicaId, UInt128> tags) => this.tags = tags;

    /// <summary>Number of authors.</summary>
    public int Count => tags.Count;

    /// <summary>The tag of an author; <see langword="null"/> when it has none.</summary>
    public UInt128? this[ReplicaId author] => tags.TryGetValue(author, out UInt128 tag) ? tag : null;

    /// <summary>The tags of heads.</summary>
    public static ChainTags Of(IEnumerable<ChainHead> heads) => Of(heads.Select(static h => (h.Author, TagOf(h.Hash.Span))));

    /// <summary>Tags, one of each author.</summary>
    public static ChainTags Of(IEnumerable<(ReplicaId Author, UInt128 Tag)> tags) => new(tags.ToDictionary(static t => t.Author, static t => t.Tag));

    /// <summary>The tag of a chain's hash.</summary>
    public static UInt128 TagOf(ReadOnlySpan<byte> hash) => BinaryPrimitives.ReadUInt128BigEndian(hash);

    /// <summary>The tags of those authors alone that a vector names.</summary>
    public ChainTags Of(VersionVector held) => Of(held.Where(d => tags.ContainsKey(d.Replica)).Select(d => (d.Replica, tags[d.Replica])));

    /// <summary>These, with others in their place.</summary>
    public ChainTags With(ChainTags others)
    {
        if (others.Count == 0) return this;
        var all = new Dictionary<ReplicaId, UInt128>(tags);
        foreach ((ReplicaId author, UInt128 tag) in others.tags) all[author] = tag;
        return new ChainTags(all);
    }

    /// <inheritdoc/>
    public bool Equals(ChainTags? other) => other is not null && Count == other.Count && tags.All(t => other[t.Key] == t.Value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ChainTags);

    /// <inheritdoc/>
    public override int GetHashCode() => tags.Aggregate(Count, static (hash, t) => hash ^ HashCode.Combine(t.Key, t.Value));
}
