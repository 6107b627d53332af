namespace Crdt.Transport;

/// <summary>Decides whether a node may replicate with this one at all, beside being enrolled: by an access token that it
/// shows in its greeting. Safe for concurrent calls.</summary>
public interface ISessionGate
{
    /// <summary>Judges a node. What it takes counts toward the time for the greeting.</summary>
    /// <param name="candidate">Who asks.</param>
    /// <param name="cancellationToken">The connection has ended.</param>
    ValueTask<SessionPass> AdmitAsync(SessionCandidate candidate, CancellationToken cancellationToken);
}
