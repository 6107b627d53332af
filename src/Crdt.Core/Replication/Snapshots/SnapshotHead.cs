namespace Crdt;

/// <summary>An author's log as a snapshot includes it.</summary>
/// <param name="Author">Whose.</param>
/// <param name="Sequence">Up to which sequence.</param>
/// <param name="Head">The chain's head there as stored: 32 bytes of hash, then the signature, if any.</param>
internal readonly record struct SnapshotHead(ReplicaId Author, long Sequence, ReadOnlyMemory<byte> Head)
{
    /// <summary>Where the chain passed through before, as <see cref="ChainPoints"/>; empty where that is not told.</summary>
    public ReadOnlyMemory<byte> Points { get; init; }

    /// <summary>The hash alone.</summary>
    public ReadOnlySpan<byte> Hash => Head.Span[..AuthorTable.HashLengthBytes];

    /// <summary>Whether the chain that leads here passes through a place; <see langword="null"/> where that is not told, or lies
    /// behind.</summary>
    /// <param name="sequence">The place's sequence.</param>
    /// <param name="hash">The chain's hash there, or at least the first eight bytes of it.</param>
    public bool? Tells(long sequence, ReadOnlySpan<byte> hash) => sequence > Sequence ? null
        : sequence == Sequence ? Hash[..hash.Length].SequenceEqual(hash)
        : new ChainPoints(Points).Tells(sequence, hash);

    /// <summary>The head as the table of authors holds it.</summary>
    public AuthorTable.AuthorState ToState() => new(Sequence, Sequence, Hash.ToArray())
    {
        Signature = AuthorTable.SignatureOf(Head),
    };

    /// <summary>The head as stored.</summary>
    public static SnapshotHead Of(ChainHead head) =>
        new(head.Author, head.Sequence, head.Signature.IsEmpty ? head.Hash : (byte[])[.. head.Hash.Span, .. head.Signature.Span]);
}
