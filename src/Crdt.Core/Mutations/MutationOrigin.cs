namespace Crdt;

/// <summary>Where a mutation came from, when not straight from its author's hand.</summary>
/// <param name="RequestId">The UUID under which a thin client sent it; <see langword="null"/> otherwise.</param>
/// <param name="Reissued">The mutation that it repeats under a new replica id; <see langword="null"/> otherwise.</param>
/// <remarks>At least one of the two is set.</remarks>
public sealed record MutationOrigin(Guid? RequestId, Dot? Reissued);
