namespace Crdt;

/// <summary>How the attempts to reach one peer have gone. Immutable.</summary>
/// <param name="Peer">Its address, as it is dialled.</param>
public sealed record PeerAttempts(string Peer)
{
    /// <summary>Failures whose times are kept.</summary>
    public const int RecentMax = 16;

    /// <summary>Who was met there last; <see langword="null"/> when nobody ever was.</summary>
    public Guid? Node { get; init; }

    /// <summary>Failed attempts since the last that succeeded.</summary>
    public int Attempts { get; init; }

    /// <summary>The first of these; <see langword="null"/> while there is none.</summary>
    public DateTimeOffset? FailingSince { get; init; }

    /// <summary>The last of these, at most <see cref="RecentMax"/>, the newest last.</summary>
    public IReadOnlyList<DateTimeOffset> RecentFailures { get; init; } = [];

    /// <summary>When it was met last.</summary>
    public DateTimeOffset? LastSuccess { get; init; }

    /// <summary>Why the last attempt failed that did; stays when a later one succeeds.</summary>
    public SyncFailure? LastError { get; init; }

    /// <summary>When it is tried again; <see langword="null"/> when nobody tries by itself, or it is connected.</summary>
    public DateTimeOffset? NextAttempt { get; init; }

    /// <summary>The wait before that: the schedule goes on from it after a restart.</summary>
    public TimeSpan? Delay { get; init; }

    /// <summary>It was met.</summary>
    public PeerAttempts Succeeded(DateTimeOffset at, Guid node) => this with
    {
        Node = node,
        Attempts = 0,
        FailingSince = null,
        RecentFailures = [],
        LastSuccess = at,
        NextAttempt = null,
    };

    /// <summary>An attempt failed, or the exchange broke off.</summary>
    public PeerAttempts Failed(SyncFailure failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        return this with
        {
            Attempts = Attempts + 1,
            FailingSince = FailingSince ?? failure.At,
            RecentFailures = [.. RecentFailures.Skip(Math.Max(0, RecentFailures.Count - RecentMax + 1)), failure.At],
            LastError = failure,
            NextAttempt = null,
        };
    }

    /// <summary>It is tried again after a while.</summary>
    public PeerAttempts Waiting(TimeSpan delay, DateTimeOffset next) => this with { Delay = delay, NextAttempt = next };

    /// <summary>How many of the failed attempts were made at a time or later: what somebody who waits since then waited
    /// for. Where more of them lie behind than are remembered, at least the remembered ones.</summary>
    public int AttemptsSince(DateTimeOffset time) =>
        FailingSince is null || FailingSince >= time ? Attempts : RecentFailures.Count(f => f >= time);
}
