namespace Crdt;

/// <summary>Which mutations to list, and in which order; every part that is set must hold.</summary>
public sealed record MutationFilter
{
    /// <summary>Only those with this status.</summary>
    public MutationStatus? Status { get; init; }

    /// <summary>Only those of this author, which is a device.</summary>
    public ReplicaId? Author { get; init; }

    /// <summary>Only those that this person made, on whichever device.</summary>
    public string? User { get; init; }

    /// <summary>Only those of this kind.</summary>
    public MutationKind? Kind { get; init; }

    /// <summary>Only those of this domain.</summary>
    public string? Domain { get; init; }

    /// <summary>Only those of this type.</summary>
    public string? Type { get; init; }

    /// <summary>Only those of this entity.</summary>
    public EntityKey? Key { get; init; }

    /// <summary>Only those made at this time or later, by their authors' clocks.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Only those made before this time, by their authors' clocks.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Only the one with this UUID (<see cref="Mutation.Id"/>).</summary>
    public Guid? Id { get; init; }

    /// <summary>Only those that a thin client sent under this id (<see cref="MutationOrigin.RequestId"/>).</summary>
    public Guid? RequestId { get; init; }

    /// <summary>In which order; the oldest first by default.</summary>
    public MutationOrder Order { get; init; }
}
