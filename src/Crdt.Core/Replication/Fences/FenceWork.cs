namespace Crdt;

/// <summary>The end of somebody's log.</summary>
internal sealed class FenceWork(ReplicaId replica, FenceReason reason, ChainHead? at) : WorkItem
{
    public CommitResult Result { get; private set; }

    public override void Prepare(ReplicaWriter writer) => Result = writer.PrepareFence(replica, reason, at);
}

/// <summary>Fences that a peer told.</summary>
internal sealed class HearWork(IReadOnlyList<Fence> fences) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.PrepareHeard(fences);
}

/// <summary>A run that lies beyond a fence, or proves a fork.</summary>
internal sealed class AsideWork(BatchRun run, ReadOnlyMemory<byte> before, bool isProven) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.PrepareAside(run, before, isProven);
}

/// <summary>The replica's own id is in use elsewhere: it goes on under another one.</summary>
internal sealed class GiveUpIdWork(ReplicaId id) : WorkItem
{
    public override void Prepare(ReplicaWriter writer) => writer.Fences.IsIdInUse |= writer.Identity.Replica == id;
}

/// <summary>Some of what was fenced off, written again.</summary>
internal sealed class ReissueWork(Reissue reissue) : WorkItem
{
    public override bool ComesLast => true;

    public override void Prepare(ReplicaWriter writer) => writer.PrepareReissue(reissue);

    public override void Finish(ReplicaWriter writer) => writer.FinishReissue(reissue);
}
