namespace Crdt;

/// <summary>Mutations of one author that a replica holds and of which no server-role replica is known to hold any.</summary>
/// <param name="Author">Whose.</param>
/// <param name="FirstSequence">The first of them.</param>
/// <param name="LastSequence">The last of them, which is the last that the replica holds of that author.</param>
public readonly record struct CustodyGap(ReplicaId Author, long FirstSequence, long LastSequence)
{
    /// <summary>How many they are.</summary>
    public long Count => LastSequence - FirstSequence + 1;
}
