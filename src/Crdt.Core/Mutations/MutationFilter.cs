namespace Crdt;

/// <summary>Which mutations to list; every part that is set must hold.</summary>
public sealed record MutationFilter
{
    /// <summary>Only those with this status.</summary>
    public MutationStatus? Status { get; init; }

    /// <summary>Only those of this author.</summary>
    public ReplicaId? Author { get; init; }

    /// <summary>Only those of this kind.</summary>
    public MutationKind? Kind { get; init; }

    /// <summary>Only those of this domain.</summary>
    public string? Domain { get; init; }

    /// <summary>Only those of this type.</summary>
    public string? Type { get; init; }

    /// <summary>Only those of this entity.</summary>
    public EntityKey? Key { get; init; }

    internal bool Passes(Mutation mutation) =>
        (Author is null || mutation.Dot.Replica == Author)
        && (Kind is null || mutation.Kind == Kind)
        && (Domain is null || mutation.Key.Domain == Domain)
        && (Type is null || mutation.Key.Type == Type)
        && (Key is null || mutation.Key == Key);
}
