namespace Crdt;

/// <summary>A stretch of a replica's log that a fence has cut off: kept, passed on, never applied, so that nothing that
/// somebody wrote is lost.</summary>
/// <param name="Author">Whose.</param>
/// <param name="FirstSequence">Its first mutation.</param>
/// <param name="LastSequence">Its last mutation.</param>
/// <param name="Position">Where it stands in this replica's log.</param>
/// <remarks>Sequences name mutations only together with the branch: another cut-off branch of the same author may use
/// the same ones.</remarks>
public sealed record SetAsideRun(ReplicaId Author, long FirstSequence, long LastSequence, LogPosition Position)
{
    /// <summary>What tells it from every other: the first eight bytes of its chain's hash at its end.</summary>
    internal ulong Id { get; init; }

    internal long LengthBytes { get; init; }
}
