namespace Crdt;

/// <summary>The digests of all entities at one moment, if that is still the one asked for. What is in memory is taken
/// on
/// the writer's turn; the rest is read from the projection afterwards, beside further commits.</summary>
internal sealed class ReadDigestsWork(ReadOnlyMemory<byte>? moment) : WorkItem, IDisposable
{
    private readonly Dictionary<EntityKey, UInt128> cached = [];
    private ReplicaView? view;

    /// <summary>Names the heads at which the digests are, or at which the replica was instead.</summary>
    public ReadOnlyMemory<byte> Moment { get; private set; }

    public override bool ComesLast => true;

    public override void Prepare(ReplicaWriter writer) => writer.CloseOwnRun();

    public override void Finish(ReplicaWriter writer)
    {
        Moment = RangesMessage.MomentOf(writer.Authors.Heads());
        if (moment is { } wanted && !wanted.Span.SequenceEqual(Moment.Span)) return;
        writer.ComputeDigest();
        foreach (EntitySlot slot in writer.Cache.Slots)
        {
            if (slot.Published is { Slots.IsEmpty: false }) cached[slot.Key] = slot.Counted;
        }
        view = new ReplicaView(writer);
    }

    /// <summary>What was found; <see langword="null"/> when the replica was elsewhere.</summary>
    public async ValueTask<DigestIndex?> ReadAsync(Replica replica, CancellationToken cancellationToken)
    {
        await replica.Writer.EnqueueAsync(this, cancellationToken).ConfigureAwait(false);
        // While the view is open, what changes stays in memory with its state before.
        return view is null ? null : new DigestIndex(All(replica, cancellationToken));
    }

    public void Dispose() => view?.Dispose();

    private IEnumerable<(EntityKey, UInt128)> All(Replica replica, CancellationToken cancellationToken)
    {
        foreach ((EntityKey key, UInt128 digest) in cached) yield return (key, digest);
        if (!replica.Store.IsProjecting) yield break;
        foreach (EntityKey key in replica.Store.Keys())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (cached.ContainsKey(key)) continue;
            UInt128? projected = replica.Store.ReadState(key) is { } bytes ? EntityStateCodec.DigestOf(bytes) : null;
            // Looked at afterwards: if nobody loaded the entity by now, nobody had changed it when it was read.
            if (replica.Writer.Cache.Contains(key))
            {
                projected = view!.Read(key) is { Slots.IsEmpty: false } state
                    ? StateDigest.Of(state, replica.Writer.Authors.Ids) : null;
            }
            if (projected is { } digest) yield return (key, digest);
        }
    }
}
