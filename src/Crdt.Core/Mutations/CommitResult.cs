namespace Crdt;

/// <summary>What a commit made.</summary>
/// <param name="Replica">The author.</param>
/// <param name="FirstSequence">Sequence of the first mutation; meaningless when there is none.</param>
/// <param name="Count">Number of mutations; 0 when no edit had anything to change.</param>
public readonly record struct CommitResult(ReplicaId Replica, long FirstSequence, int Count)
{
    /// <summary>The first mutation; <c>default</c> when there is none.</summary>
    public Dot First => Count == 0 ? default : new Dot(Replica, FirstSequence);

    /// <summary>The public UUIDs of the mutations, in order.</summary>
    public IEnumerable<Guid> MutationIds
    {
        get
        {
            for (int i = 0; i < Count; i++) yield return MutationId.Of(new Dot(Replica, FirstSequence + i));
        }
    }
}
