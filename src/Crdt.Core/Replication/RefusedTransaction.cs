namespace Crdt;

/// <summary>A transaction that a server-role replica refused: kept with its values until its author or a supervisor
/// sends it again, gives it to somebody else, or gives it up (semantics 7). Nobody removes it.</summary>
/// <param name="First">Its first mutation.</param>
/// <param name="Last">Sequence of its last mutation.</param>
/// <param name="User">Who was using the device; <see langword="null"/> when nobody was named.</param>
/// <param name="Code">Why, for programs.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="RefusedBy">The server.</param>
/// <param name="RefusedAt">When, in UTC.</param>
/// <param name="Work">What it did.</param>
/// <param name="Handling">What became of it.</param>
/// <param name="HandledBy">Who decided that; <see langword="null"/> while open.</param>
/// <param name="Assignee">To whom it was given; <see langword="null"/> when to nobody.</param>
public sealed record RefusedTransaction(
    Dot First, long Last, string? User, RefusalCode Code, string Reason, ReplicaId RefusedBy, DateTimeOffset RefusedAt,
    IReadOnlyList<EscrowedChange> Work, RefusalHandling Handling, string? HandledBy, string? Assignee)
{
    /// <summary>When that was decided, by the clock of who did; <see langword="null"/> while open.</summary>
    public DateTimeOffset? HandledAt { get; init; }
}
