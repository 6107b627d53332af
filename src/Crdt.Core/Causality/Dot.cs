namespace Crdt;

/// <summary>One mutation's identity: the <paramref name="Sequence"/>-th that <paramref name="Replica"/> made.</summary>
/// <param name="Replica">Author of the mutation.</param>
/// <param name="Sequence">Position in the author's history, from 1, without gaps; 0 means "none yet".</param>
/// <remarks>Ordered only within one replica; <c>default</c> is the absent dot. Source: Preguiça et al.,
/// "Dotted Version Vectors", arXiv:1011.5808. Laws: 1, 4.</remarks>
public readonly record struct Dot(ReplicaId Replica, long Sequence)
{
    /// <summary>The largest sequence that a replica can reach: 2^40 - 1, a constant of the format.</summary>
    public const long SequenceMax = (1L << 40) - 1;

    /// <summary>The replica, <c>:</c>, the sequence.</summary>
    public override string ToString() => $"{Replica}:{Sequence}";
}
