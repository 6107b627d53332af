namespace Crdt;

/// <summary>The past that was asked for is not held here any more: a snapshot stands for it.</summary>
public sealed class HistoryException : InvalidOperationException
{
    /// <summary>Reports what is missing.</summary>
    public HistoryException(string message)
        : base(message)
    {
    }
}
