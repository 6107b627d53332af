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
    public override void Prepare(ReplicaWriter writer) => writer.CloseOwnRun();
}

/// <summary>A statement of what somebody holds.</summary>
internal sealed class AcknowledgeWork(Acknowledgement statement) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.PrepareAcknowledgement(statement);
}

/// <summary>A call on the writer's own turn.</summary>
internal sealed class CallWork(Action<ReplicaWriter> call) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => call(writer);
}
