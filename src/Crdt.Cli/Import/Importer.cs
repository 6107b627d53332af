namespace Crdt.Cli.Import;

/// <summary>Writes rows into a replica, as far as they differ from what it holds.</summary>
/// <remarks>Fields that a row does not have stay as they are, so what people added to an entity survives a second
/// import of the file it came from.</remarks>
internal sealed class Importer(
    Replica replica, string? user, Value context, bool recreates, Durability durability, ImportSummary summary)
{
    private const int RowsPerTransaction = 200;

    private readonly List<Pending> pending = [];

    private readonly record struct Pending(EntityKey Key, Value Document, bool Existed, long Line);

    /// <summary>Takes one row; it is written when enough are together, or by <see cref="FinishAsync"/>.</summary>
    public async ValueTask AddAsync(EntityKey key, ImportRow row, CancellationToken cancellation)
    {
        Entity? held = replica.GetWithDeleted(key);
        if (held is { Exists: false } && !recreates)
        {
            summary.Deleted++;
            return;
        }
        bool exists = held is { Exists: true };
        Value before = exists ? held!.ToValue() : Value.EmptyObject;
        Value after = exists ? Overlay(before, row.Fields) : row.Fields;
        if (exists && after == before)
        {
            summary.Unchanged++;
            return;
        }
        pending.Add(new Pending(key, after, exists, row.Line));
        if (pending.Count >= RowsPerTransaction) await FinishAsync(cancellation);
    }

    /// <summary>Writes what is still to be written.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellation)
    {
        if (pending.Count == 0) return;
        if (await CommitAsync(pending, cancellation) is not null)
        {
            // One row spoils the transaction of all: each gets its own, so that only the culprit is left out.
            foreach (Pending row in pending)
            {
                if (await CommitAsync([row], cancellation) is { } reason) summary.Reject(row.Line, reason);
            }
        }
        pending.Clear();
    }

    /// <summary>Commits rows as one transaction.</summary>
    /// <returns>Why that is impossible; null when it is done.</returns>
    private async ValueTask<string?> CommitAsync(List<Pending> rows, CancellationToken cancellation)
    {
        try
        {
            Transaction transaction = replica.Begin(user);
            transaction.Durability = durability;
            foreach (Pending row in rows) transaction.Upsert(row.Key).Replace(row.Document).WithContext(context);
            CommitResult result = await transaction.CommitAsync(cancellation);
            summary.Mutations += result.Count;
        }
        catch (Exception e) when (IsOfRow(e))
        {
            return e.Message;
        }
        foreach (Pending row in rows)
        {
            if (row.Existed) summary.Updated++;
            else summary.Created++;
        }
        return null;
    }

    private static bool IsOfRow(Exception error) => error is TransactionTooLargeException or ArgumentException
        or MutationException { Error: not (MutationError.RoleRequired or MutationError.NotJoined) };

    /// <summary>The document with the row's fields over it, objects member by member.</summary>
    private static Value Overlay(Value document, Value row)
    {
        if (document.Kind != ValueKind.Object || row.Kind != ValueKind.Object || row.AsObject().Count == 0) return row;
        var members = new SortedDictionary<string, Value>(StringComparer.Ordinal);
        foreach ((string name, Value member) in document.AsObject()) members[name] = member;
        foreach ((string name, Value member) in row.AsObject())
            members[name] = members.TryGetValue(name, out Value before) ? Overlay(before, member) : member;
        return Value.ObjectOf(members);
    }
}
