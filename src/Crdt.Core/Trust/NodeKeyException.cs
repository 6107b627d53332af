namespace Crdt;

/// <summary>A replica of a keyed space cannot be opened without the key that it is enrolled with: it has written what that key has
/// not signed yet, and nothing may come behind it before.</summary>
public sealed class NodeKeyException : InvalidOperationException
{
    /// <summary>Reports what is wrong with the key.</summary>
    public NodeKeyException(string message)
        : base(message)
    {
    }
}
