namespace Crdt;

/// <summary>The end of an author's closed run: everything up to here is bound by one hash.</summary>
/// <param name="Author">Whose chain.</param>
/// <param name="Sequence">Last sequence that the hash vouches for.</param>
/// <param name="Hash">32 bytes: H(0) = SHA-256(ReplicaId), H(n) = SHA-256(H(n-1) ‖ SHA-256(batch n)).</param>
public readonly record struct ChainHead(ReplicaId Author, long Sequence, ReadOnlyMemory<byte> Hash)
{
    /// <summary>The author's signature over it, in a keyed space; else empty.</summary>
    public ReadOnlyMemory<byte> Signature { get; init; }
}
