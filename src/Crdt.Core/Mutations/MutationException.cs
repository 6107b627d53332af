namespace Crdt;

/// <summary>A transaction was not made: says why, and at which entity and path. Nothing of it was written.</summary>
public sealed class MutationException : InvalidOperationException
{
    /// <summary>Reports what was wrong.</summary>
    /// <param name="error">What kind of wrong.</param>
    /// <param name="key">The entity.</param>
    /// <param name="path">The field; <see cref="FieldPath.Root"/> when it concerns the entity.</param>
    /// <param name="message">What was wrong.</param>
    public MutationException(MutationError error, EntityKey key, FieldPath path, string message)
        : base(message) => (Error, Key, Path) = (error, key, path);

    /// <summary>What kind of wrong.</summary>
    public MutationError Error { get; }

    /// <summary>The entity.</summary>
    public EntityKey Key { get; }

    /// <summary>The field; <see cref="FieldPath.Root"/> when it concerns the entity.</summary>
    public FieldPath Path { get; }
}
