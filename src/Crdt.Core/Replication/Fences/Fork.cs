namespace Crdt;

/// <summary>An author of whom two different logs were seen: its id is in use twice, by a copy or a restored backup.
/// Nothing of it is exchanged with whoever holds the other log until a server-role replica fences it; all other authors
/// go on.</summary>
/// <param name="Author">Whose logs.</param>
/// <param name="Common">The last sequence that both are known to have in common; <see langword="null"/> while that was
/// not told.</param>
/// <param name="Seen">When it was last noticed here.</param>
/// <param name="Peer">The replica that holds the other log.</param>
public sealed record Fork(ReplicaId Author, long? Common, DateTimeOffset Seen, ReplicaId Peer);
