namespace Crdt;

/// <summary>What a commit made.</summary>
/// <param name="Replica">The author.</param>
/// <param name="FirstSequence">Sequence of the first mutation; meaningless when there is none.</param>
/// <param name="Count">Number of mutations; 0 when no edit had anything to change.</param>
public readonly record struct CommitResult(ReplicaId Replica, long FirstSequence, int Count)
{
    /// <summary>The public UUIDs of the mutations, in order.</summary>
    public IEnumerable<Guid> MutationIds
    {
        get
        {
            for (int i = 0; i < Count; i++) yield return MutationId.Of(new Dot(Replica, FirstSequence + i));
        }
    }
}
