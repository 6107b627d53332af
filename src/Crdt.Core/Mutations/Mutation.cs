namespace Crdt;

/// <summary>One user intention on one entity, as it stands in its author's log. Immutable.</summary>
/// <param name="Dot">Who made it, and as which of theirs.</param>
/// <param name="Kind">What was meant.</param>
/// <param name="Key">The entity.</param>
/// <param name="Timestamp">When, by the author's hybrid clock.</param>
/// <param name="Role">The role in which it was written.</param>
/// <param name="User">Who was using the device; <see langword="null"/> when nobody was named.</param>
/// <param name="Origin">Where it came from, when not straight from its author's hand.</param>
/// <param name="Context">Metadata of the application, up to 4 KiB; <see cref="Value.Null"/> when none.</param>
/// <param name="EndsTransaction">Whether the transaction ends with it.</param>
/// <param name="Changes">What it did, in order of paths; the entity's root register comes first, if written.</param>
public sealed record Mutation(
    Dot Dot, MutationKind Kind, EntityKey Key, HybridTimestamp Timestamp, ReplicaRole Role, string? User,
    MutationOrigin? Origin, Value Context, bool EndsTransaction, IReadOnlyList<Change> Changes)
{
    /// <summary>The public UUID v4, derived from the dot.</summary>
    public Guid Id => MutationId.Of(Dot);

    /// <summary>The time to the millisecond, in UTC.</summary>
    public DateTimeOffset CreatedAt => Timestamp.Time;
}
