namespace Crdt;

/// <summary>A transaction of this replica's own.</summary>
internal sealed class CommitWork(Transaction transaction) : WorkItem
{
    public CommitResult Result { get; private set; }

    public override void Prepare(ReplicaWriter writer) => Result = writer.PrepareTransaction(transaction);
}

/// <summary>Somebody else's run.</summary>
internal sealed class ApplyWork(BatchRun run) : WorkItem
{
    /// <summary>Whether it was news.</summary>
    public bool WasApplied { get; private set; }

    public override void Prepare(ReplicaWriter writer) => WasApplied = writer.PrepareRun(run);
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
