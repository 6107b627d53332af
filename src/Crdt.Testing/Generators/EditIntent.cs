namespace Crdt.Testing;

/// <summary>What an <see cref="Edit"/> of a schedule is meant as.</summary>
public enum EditIntent
{
    /// <summary><see cref="Transaction.Create"/>.</summary>
    Create,

    /// <summary><see cref="Transaction.Update(EntityKey)"/>.</summary>
    Update,

    /// <summary><see cref="Transaction.Upsert"/>.</summary>
    Upsert,

    /// <summary><see cref="Transaction.Delete(EntityKey)"/>.</summary>
    Delete,

    /// <summary><see cref="Transaction.Resolve(Conflict, Value)"/> of one of the conflicts that are listed.</summary>
    Resolve,
}
