namespace Crdt;

/// <summary>A closed stretch of one author's batches, ending at a head of its chain: what is sent, verified and
/// applied as one.</summary>
/// <param name="Author">Whose.</param>
/// <param name="FirstSequence">Sequence of the first batch's first mutation.</param>
/// <param name="Batches">1 to 1,000 batches, at most 1 MiB, as their author encoded them.</param>
/// <param name="LastSequence">The head's sequence: the last batch's last mutation.</param>
/// <param name="Head">The head as stored: 32 bytes of hash, then the signature, if any.</param>
internal sealed record BatchRun(
    ReplicaId Author, long FirstSequence, IReadOnlyList<ReadOnlyMemory<byte>> Batches, long LastSequence,
    ReadOnlyMemory<byte> Head)
{
    /// <summary>Whether it is the space's founding as the application hands it over: an authority's own replica begins
    /// with it, too.</summary>
    public bool IsFounding { get; init; }

    /// <summary>Whether the head's signature was verified already.</summary>
    public bool IsVerified { get; init; }
}
