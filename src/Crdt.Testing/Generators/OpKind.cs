namespace Crdt.Testing;

/// <summary>What an <see cref="Op"/> does.</summary>
public enum OpKind
{
    /// <summary><see cref="EntityEdit.Set"/>.</summary>
    Set,

    /// <summary><see cref="EntityEdit.Remove"/>.</summary>
    Remove,

    /// <summary><see cref="EntityEdit.Increment"/>.</summary>
    Increment,

    /// <summary><see cref="EntityEdit.Add(FieldPath, string)"/>.</summary>
    Add,

    /// <summary><see cref="EntityEdit.Discard"/>.</summary>
    Discard,

    /// <summary><see cref="EntityEdit.Patch"/>.</summary>
    Patch,

    /// <summary><see cref="EntityEdit.Replace"/>.</summary>
    Replace,
}
