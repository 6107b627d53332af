namespace Crdt.Transport;

/// <summary>A node that wants to replicate.</summary>
/// <param name="NodeId">What it calls itself.</param>
/// <param name="Key">The public key that it has proved to hold; empty where a connection proves nothing.</param>
/// <param name="AccessToken">The token that it shows; <see langword="null"/> when none.</param>
/// <param name="IsServer">Whether its key is enrolled in the server role in a space of this node.</param>
public sealed record SessionCandidate(Guid NodeId, ReadOnlyMemory<byte> Key, string? AccessToken, bool IsServer)
{
    /// <summary>Without the token, which is a secret.</summary>
    public override string ToString() => $"{NodeId}{(IsServer ? " (server)" : "")}";
}
