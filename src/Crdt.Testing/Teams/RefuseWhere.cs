namespace Crdt.Testing;

/// <summary>A server that refuses the transactions in which something is true of a mutation.</summary>
/// <param name="isRefused">What.</param>
public sealed class RefuseWhere(Func<Mutation, bool> isRefused) : IAdmission
{
    /// <summary>Refuses transactions that write a text of that name anywhere, as value or element.</summary>
    public static RefuseWhere Writes(string text) => new(m => m.Changes.Any(
        c => c.Path.Name == text || c.Value is { Kind: ValueKind.String } value && value.AsString() == text));

    /// <inheritdoc/>
    public Refusal? Judge(IncomingTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return transaction.Mutations.Any(isRefused) ? new Refusal(RefusalCode.ScopeMissing, "Not allowed here.") : null;
    }
}
