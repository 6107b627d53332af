namespace Crdt;

/// <summary>A transaction of this replica's own.</summary>
internal sealed class CommitWork(Transaction transaction) : WorkItem
{
    public CommitResult Result { get; private set; }

    public override bool IsRelaxed { get; } = transaction.Durability == Durability.Relaxed;

    public override void Prepare(ReplicaWriter writer) => Result = writer.PrepareTransaction(transaction);
}

/// <summary>Somebody else's run.</summary>
internal sealed class ApplyWork(BatchRun run) : WorkItem
{
    /// <summary>Whether it was news.</summary>
    public bool WasApplied { get; private set; }

    public override void Prepare(ReplicaWriter writer) => WasApplied = writer.PrepareRun(run);
}

/// <summary>Marks and refusals that could not be written when they were decided.</summary>
internal sealed class PostponedWork : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.PreparePostponed();
}

/// <summary>The end of the replica's own open run, so that it can be sent.</summary>
internal sealed class CloseRunWork : WorkItem
{
    public override bool ComesLast => true;

    public override void Prepare(ReplicaWriter writer) => writer.CloseOwnRun();
}

/// <summary>A statement of what somebody holds.</summary>
internal sealed class AcknowledgeWork(Acknowledgement statement) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.PrepareAcknowledgement(statement);
}

/// <summary>Heads and digest of one moment, with no run open.</summary>
internal sealed class ReadHeadsWork : WorkItem
{
    public ChainHead[] Heads { get; private set; } = [];

    public StateDigest Digest { get; private set; }

    public override bool ComesLast => true;

    public override void Prepare(ReplicaWriter writer) => writer.CloseOwnRun();

    public override void Finish(ReplicaWriter writer) => (Heads, Digest) = (writer.Authors.Heads(), writer.ComputeDigest());
}

/// <summary>A call on the writer's own turn, between groups: it sees what is published, and no group half done.</summary>
internal sealed class CallWork(Action<ReplicaWriter> call) : WorkItem
{
    public override bool OutlivesGroup => true;

    public override void Finish(ReplicaWriter writer) => call(writer);
}

/// <summary>A chunk of a snapshot that is arriving.</summary>
internal sealed class ChunkWork(ReplicaId maker, long number, int index, ReadOnlyMemory<byte> chunk) : WorkItem
{
    /// <summary>Whether it is in the log now.</summary>
    public bool IsHeld { get; private set; }

    public override void Prepare(ReplicaWriter writer) => IsHeld = writer.Snapshots.PrepareChunk(maker, number, index, chunk);
}

/// <summary>A snapshot whose chunks have arrived.</summary>
internal sealed class JoinWork(SnapshotManifest manifest) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.PrepareJoin(manifest);
}

/// <summary>Giving up what a snapshot contradicts.</summary>
internal sealed class PartingWork(SnapshotManifest manifest) : WorkItem
{
    /// <summary>Whether there was any.</summary>
    public bool IsAny { get; private set; }

    public override bool ComesLast => true;

    public override void Prepare(ReplicaWriter writer) => IsAny = writer.PreparePartings(manifest);
}

/// <summary>The moment that a snapshot shows, with no run open.</summary>
internal sealed class BeginSnapshotWork : WorkItem
{
    public long Epoch { get; private set; }

    public SnapshotHead[] Heads { get; private set; } = [];

    public StateDigest Digest { get; private set; }

    public KeyValuePair<ReplicaId, Member>[] Members { get; private set; } = [];

    public LogPosition At { get; private set; }

    public override bool ComesLast => true;

    public override void Prepare(ReplicaWriter writer) => writer.CloseOwnRun();

    public override void Finish(ReplicaWriter writer)
    {
        Heads = [.. writer.Authors.Heads().Select(SnapshotHead.Of)];
        (Digest, At) = (writer.ComputeDigest(), writer.PublishedEnd);
        Members = [.. writer.Trust.Members];
        Epoch = writer.Cache.OpenView().Epoch;
    }
}

/// <summary>A chunk of a snapshot that this replica is making.</summary>
internal sealed class OwnChunkWork(int index, byte[] chunk) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.Snapshots.PrepareOwnChunk(index, chunk);
}

/// <summary>The end of a snapshot that this replica is making.</summary>
internal sealed class OwnSnapshotWork(SnapshotManifest manifest, LogPosition chunksFrom) : WorkItem
{
    public Snapshot? Result { get; private set; }

    public override void Prepare(ReplicaWriter writer)
    {
        // A run that went on behind it would have the snapshot within it.
        writer.CloseOwnRun();
        Result = writer.Snapshots.PrepareOwn(manifest, chunksFrom);
    }
}

/// <summary>The note before the beginning of the log is dropped.</summary>
internal sealed class FloorWork(Snapshot on, IReadOnlyList<LogEntry> kept) : WorkItem
{
    /// <summary>Whether it was written down: no fence has cut off since what the snapshot includes.</summary>
    public bool IsNoted { get; private set; }

    public override void Prepare(ReplicaWriter writer)
    {
        IsNoted = !writer.IsBeyondFence(on);
        if (!IsNoted) return;
        foreach (LogEntry entry in kept) writer.WriteAgain(entry);
        writer.Snapshots.PrepareFloor(on);
    }
}
