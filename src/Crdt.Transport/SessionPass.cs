namespace Crdt.Transport;

/// <summary>What an <see cref="ISessionGate"/> says.</summary>
/// <param name="Problem">Why the node is not let in, for a person; <see langword="null"/> when it is.</param>
/// <param name="Until">When the connection ends, because the token does; <see langword="null"/> for not by itself.</param>
public sealed record SessionPass(string? Problem, DateTimeOffset? Until = null);
