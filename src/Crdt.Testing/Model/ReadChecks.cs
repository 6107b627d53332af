namespace Crdt.Testing;

/// <summary>Whether a reader is shown what the reference makes of the history: values, siblings with their marks, conflicts,
/// refused work, and the status of mutations.</summary>
internal static class ReadChecks
{
    /// <summary>Compares one entity.</summary>
    /// <param name="replica">Who shows it.</param>
    /// <param name="reference">What it has to be.</param>
    /// <param name="key">The entity.</param>
    /// <param name="listed">How many conflicts the replica lists of it.</param>
    public static void CheckEntity(Replica replica, ReferenceModel reference, EntityKey key, int listed)
    {
        Entity entity = replica.GetWithDeleted(key)!;
        Check.Equal(reference.IsAlive(key), entity.Exists, $"whether {key} exists");
        int held = 0;
        // Most of the time of most laws goes by here: nothing is put into words that holds.
        foreach (FieldPath path in reference.PathsOf(key))
        {
            (IReadOnlyList<Sibling> siblings, IReadOnlyList<Sibling> shown) = (reference.Siblings(key, path), entity.Siblings(path));
            held += siblings.Count;
            if (!siblings.SequenceEqual(shown)) Check.Equal(siblings, shown, $"the siblings of {key} at '{path}'");
            if (!entity.Exists || path.IsRoot || path.Kind != PathKind.Key) continue;
            (Value? expected, Value? read) = (reference.Read(key, path, []), entity[path]);
            if (expected != read) Check.Equal(expected, read, $"{key} at '{path}'");
        }
        Check.Equal(held, entity.AllSiblings().Count(), $"the number of siblings of {key}");
        if (entity.Exists) Check.Equal(reference.ReadEntity(key, []), entity.ToValue(), $"{key}");
        string[] conflicts = [.. entity.Conflicts().Select(c => $"{c.Path} {c.Kind.ToString().ToLowerInvariant()}").Order(StringComparer.Ordinal)];
        Check.Equal(reference.Conflicts(key), conflicts, $"the conflicts of {key}");
        Check.Equal(conflicts.Length, listed, $"the number of listed conflicts of {key}");
    }

    /// <summary>Compares which work is listed as refused, and which mutations are.</summary>
    public static void CheckRefusals(Replica replica, ReferenceModel reference)
    {
        RefusedTransaction[] listed = [.. replica.Refusals(openOnly: false)];
        foreach (RefusedTransaction refused in listed)
        {
            for (Dot dot = refused.First; dot.Sequence <= refused.Last; dot = dot with { Sequence = dot.Sequence + 1 })
                Check.True(reference.IsRefused(dot), $"{dot} is listed as refused and was not");
            RefusalHandling expected = HandlingOf(reference, RefusalTable.KeyOf(refused.First));
            Check.Equal(expected, refused.Handling, $"what became of {refused.First}");
        }
        Check.Equal(reference.RefusedCount, listed.Sum(r => r.Last - r.First.Sequence + 1), "the number of refused mutations");
    }

    /// <summary>Compares where a mutation stands, once everything is synced that can be.</summary>
    /// <param name="queued">As the replica tells it.</param>
    /// <param name="reference">What it has to be.</param>
    /// <param name="open">Whose values wait for a person in its entity.</param>
    /// <param name="hasServer">Whether anybody is in the server role.</param>
    public static void CheckStatus(QueuedMutation queued, ReferenceModel reference, IReadOnlySet<Dot> open, bool hasServer)
    {
        Dot dot = queued.Mutation.Dot;
        MutationStatus expected = reference.IsRefused(dot) ? MutationStatus.Failed
            : !hasServer ? MutationStatus.Pending
            : open.Contains(dot) ? MutationStatus.Conflict : MutationStatus.Synced;
        // What a server takes back stands in the counter's place, which may be in a clash.
        if (queued.Mutation.Kind == MutationKind.Mark && queued.Status == MutationStatus.Conflict) expected = queued.Status;
        Check.Equal(expected, queued.Status, $"the status of {dot}");
    }

    private static RefusalHandling HandlingOf(ReferenceModel reference, EntityKey refusal) =>
        reference.Effective(refusal, "handled") is [{ Value.Kind: ValueKind.Object } newest, ..]
        && newest.Value.TryGetMember("handling", out Value told) && told.Kind == ValueKind.String
        && Enum.TryParse(told.AsString(), out RefusalHandling handling) ? handling : RefusalHandling.Open;
}
