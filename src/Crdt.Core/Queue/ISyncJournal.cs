namespace Crdt;

/// <summary>Remembers how the attempts to reach peers have gone, over restarts: what is shown of them, and where their
/// schedule goes on. Safe for concurrent use.</summary>
/// <remarks>It is a help, not a truth: whoever keeps it takes notes as well as it can, and never fails a caller.</remarks>
public interface ISyncJournal
{
    /// <summary>All peers that were tried, in order of their addresses.</summary>
    IReadOnlyList<PeerAttempts> Peers { get; }

    /// <summary>One peer; <see langword="null"/> when it was never tried.</summary>
    PeerAttempts? Find(string peer);

    /// <summary>Changes what is remembered of a peer, in one step.</summary>
    /// <param name="peer">Its address.</param>
    /// <param name="change">Given what is remembered, at first nothing but the address; may be called under a lock.</param>
    void Update(string peer, Func<PeerAttempts, PeerAttempts> change);
}
