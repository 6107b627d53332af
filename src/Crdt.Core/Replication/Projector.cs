namespace Crdt;

/// <summary>Keeps track of what the store's projection and the state digest lack, and brings both up to date. Owned by
/// the single writer; the store's part runs beside it.</summary>
internal sealed class Projector(IReplicaStore store, ReplicaTable replicas, RefusalTable refusals, int mutationsPerZone)
{
    private readonly List<EntitySlot> dirty = [];
    private readonly List<EntitySlot> digestStale = [];
    private UInt128 digest;
    private Task<Exception?>? storing;

    /// <summary>Number of entities that the projection lacks.</summary>
    public int DirtyEntities => dirty.Count;

    /// <summary>Whether an update is under way or its end has not been noted.</summary>
    public bool IsProjecting { get; private set; }

    /// <summary>Completes when the last update has ended and its end was noted.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>Completes when the store has nothing of an update to do.</summary>
    public Task Stored => storing ?? Task.CompletedTask;

    /// <summary>What went wrong with the last update; it is tried again with the next one.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Takes note of a newly published state.</summary>
    public void Note(EntitySlot slot)
    {
        if (!slot.IsDigestStale) digestStale.Add(slot);
        slot.IsDigestStale = true;
        if (!store.IsProjecting) return;
        if (!slot.IsDirty) dirty.Add(slot);
        slot.IsDirty = true;
    }

    /// <summary>Goes on from a checkpoint's digest.</summary>
    public void Restore(UInt128 sum) => digest = sum;

    /// <summary>The digest of the published state.</summary>
    public StateDigest ComputeDigest()
    {
        foreach (EntitySlot slot in digestStale)
        {
            UInt128 part = StateDigest.Of(slot.Published!, replicas);
            digest += part - slot.Counted;
            (slot.Counted, slot.IsDigestStale) = (part, false);
        }
        digestStale.Clear();
        return new StateDigest(digest);
    }

    /// <summary>Begins an update.</summary>
    /// <param name="upTo">Where the published part of the log ends.</param>
    /// <param name="moment">What the materialised documents are read by.</param>
    /// <param name="checkpoint">Makes the bookkeeping, given the digest.</param>
    /// <param name="end">Asks for <see cref="End"/> on the writer's turn.</param>
    /// <returns>The store's part, which never fails; that of an update already under way; or <see langword="null"/>
    /// when there is nothing to do.</returns>
    public Task? Begin(
        LogPosition upTo, Moment moment, Func<StateDigest, byte[]> checkpoint, Func<Action, ValueTask> end)
    {
        if (IsProjecting) return storing;
        if (!store.IsProjecting || (dirty.Count == 0 && store.ProjectedTo == upTo)) return null;
        byte[] bookkeeping = checkpoint(ComputeDigest());
        EntitySlot[] taken = [.. dirty];
        dirty.Clear();
        IsProjecting = true;
        var entities = new List<ProjectedEntity>(taken.Length);
        foreach (EntitySlot slot in taken)
        {
            (slot.IsDirty, slot.IsInFlight) = (false, true);
            entities.Add(Describe(slot, moment));
        }
        entities.Sort(static (a, b) => a.Key.CompareTo(b.Key));
        storing = StoreAsync(new ProjectionUpdate(upTo, bookkeeping, entities)
        {
            Zones = ZoneBuilder.Following(store, upTo, mutationsPerZone),
            ZonesFrom = store.LogStart,
        });
        // Completed by the end itself, not by who waits for it: with a store that completes at once nobody waits.
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Ended = ended.Task;
        _ = EndAsync(storing, taken, end, ended);
        return storing;
    }

    private ProjectedEntity Describe(EntitySlot slot, Moment moment)
    {
        EntityState state = slot.Published!;
        UInt128 counted = slot.Counted;
        return new ProjectedEntity(
            new Entity(state, replicas, moment.Policies.For(slot.Key), refusals.At(moment.Epoch)),
            new Lazy<ReadOnlyMemory<byte>>(() => EntityStateCodec.Encode(state, counted)),
            Entity.MarksOf(state));
    }

    private async Task<Exception?> StoreAsync(ProjectionUpdate update)
    {
        try
        {
            await store.ProjectAsync(update, CancellationToken.None).ConfigureAwait(false);
            return null;
        }
#pragma warning disable CA1031 // The log is the truth: a projection that failed is told and tried again, nothing is lost.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
    }

    private async Task EndAsync(
        Task<Exception?> update, EntitySlot[] taken, Func<Action, ValueTask> end, TaskCompletionSource ended)
    {
        Exception? problem = await update.ConfigureAwait(false);
        try
        {
            await end(() =>
            {
                End(taken, problem);
                ended.TrySetResult();
            }).ConfigureAwait(false);
        }
        finally
        {
            // Also where the writer was stopped meanwhile, and the end was not noted.
            ended.TrySetResult();
        }
    }

    private void End(EntitySlot[] taken, Exception? problem)
    {
        IsProjecting = false;
        Error = problem;
        foreach (EntitySlot slot in taken)
        {
            slot.IsInFlight = false;
            if (problem is null || slot.IsDirty) continue;
            slot.IsDirty = true;
            dirty.Add(slot);
        }
    }
}
