namespace Crdt;

/// <summary>The key of a node: signs what its replicas write. Where it is kept is not this library's business here:
/// in memory, in a file, in a device's key store.</summary>
/// <remarks>Implementations are safe for concurrent use.</remarks>
public abstract class NodeKey
{
    /// <summary>The scheme that verifies what it signs.</summary>
    public abstract SignatureScheme Scheme { get; }

    /// <summary>What everybody may know of it, in the scheme's form.</summary>
    public abstract ReadOnlyMemory<byte> PublicKey { get; }

    /// <summary>Signs.</summary>
    /// <returns>At most <see cref="SignatureScheme.SignatureLengthBytesMax"/> bytes, at least one.</returns>
    public abstract byte[] Sign(ReadOnlySpan<byte> data);
}
