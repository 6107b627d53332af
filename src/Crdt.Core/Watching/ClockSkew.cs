namespace Crdt;

/// <summary>How far another replica's wall clock is from this one's, as last measured in a session with it. Each side
/// measures the other.</summary>
/// <param name="Replica">Whose clock.</param>
/// <param name="Role">Its role: a device goes by the clock of the server that it met last.</param>
/// <param name="OffsetMs">Its time minus the own, in milliseconds: positive when it is ahead, negative when it is
/// behind.</param>
/// <param name="UncertaintyMs">The true value is at most so far from it, to either side; <see langword="null"/> where
/// the way
/// of the messages was not measured: then the clock is ahead by at least the offset, and more by the time of that
/// way.</param>
/// <param name="MeasuredAt">When, by the own wall clock, in UTC.</param>
public sealed record ClockSkew(
    ReplicaId Replica, ReplicaRole Role, long OffsetMs, long? UncertaintyMs, DateTimeOffset MeasuredAt);
