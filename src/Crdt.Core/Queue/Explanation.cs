namespace Crdt;

/// <summary>Why a mutation, an entity or a device stands where it stands, since when, what comes next, and who can change
/// it.</summary>
/// <param name="Subject">What was asked about: a mutation's UUID, an entity, or a replica id.</param>
/// <param name="Code">The reason, for programs.</param>
/// <param name="Reason">The reason, in words.</param>
/// <param name="Since">Since when; <see langword="null"/> where that is not known.</param>
/// <param name="Next">What happens next, or has to, in words.</param>
/// <param name="Who">Who can change it.</param>
public sealed record Explanation(
    string Subject, ExplanationCode Code, string Reason, DateTimeOffset? Since, string Next, WhoActs Who)
{
    /// <summary>The mutation that this is about, if it is about one that the log holds.</summary>
    public QueuedMutation? Mutation { get; init; }

    /// <summary>The refusal, where it was refused.</summary>
    public RefusedTransaction? Refusal { get; init; }

    /// <summary>The open conflicts that it is in: which fields, and which values stand against each other.</summary>
    public IReadOnlyList<Conflict> Conflicts { get; init; } = [];

    /// <summary>The peer whose attempts are told of.</summary>
    public PeerAttempts? Peer { get; init; }

    /// <summary>The device's queue, where a device was asked about.</summary>
    public DeviceQueue? Device { get; init; }

    /// <summary>Other replicas that are known to hold the mutation durably.</summary>
    public IReadOnlyList<ReplicaId> HeldBy { get; init; } = [];

    /// <summary>Of an entity or a device: what it consists of and is not synced, the most serious first; at most so many as are
    /// worth reading.</summary>
    public IReadOnlyList<Explanation> Parts { get; init; } = [];

    /// <summary>What else is worth knowing.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
