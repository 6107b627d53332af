namespace Crdt;

/// <summary>Why an attempt to reach a peer failed, or the exchange with it broke off.</summary>
/// <param name="At">When, in UTC.</param>
/// <param name="Class">What can be done about it.</param>
/// <param name="Code">The transport's code, for programs.</param>
/// <param name="Message">In words, for a person.</param>
public sealed record SyncFailure(DateTimeOffset At, SyncErrorClass Class, string Code, string Message);
