namespace Crdt;

/// <summary>The fences that the sender knows, what it keeps aside, and the forks it knows of that no fence has settled:
/// told before its heads, since fences say what counts of what follows, and again when there is news (WF-4.13).</summary>
/// <param name="Fences">In the order of <see cref="Fence.Compare"/>.</param>
/// <param name="Asides">Of each run that is kept aside the first eight bytes of its head's hash, ascending.</param>
/// <param name="Forks">One for each author, in order of their ids.</param>
internal sealed record FencesMessage(
    IReadOnlyList<Fence> Fences, IReadOnlyList<ulong> Asides, IReadOnlyList<ForkReport> Forks) : SyncMessage
{
    public bool IsEmpty => Fences.Count + Asides.Count + Forks.Count == 0;
}

/// <summary>Heads of an author whose logs differ, the newest of them all and older ones ever more seldom, so that both
/// sides learn what they have in common (WF-4.14).</summary>
/// <param name="Author">Whose log.</param>
/// <param name="Heads">In order.</param>
internal sealed record ChainMessage(ReplicaId Author, IReadOnlyList<ChainHead> Heads) : SyncMessage
{
    public const int HeadsMax = 512;
}

/// <summary>A run that a fence has cut off (WF-4.15).</summary>
/// <param name="Run">The run.</param>
/// <param name="Before">The chain's hash before it.</param>
internal sealed record AsideMessage(BatchRun Run, ReadOnlyMemory<byte> Before) : SyncMessage;
