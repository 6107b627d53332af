namespace Crdt.Transport.Sessions;

/// <summary>A space that both sides of a connection replicate, under our number for it.</summary>
internal sealed class SpaceSession(SpaceChannel channel, SyncSession sync)
{
    public SpaceChannel Channel { get; } = channel;

    public SyncSession Sync { get; } = sync;

    /// <summary>Whether it may have something to send. Cleared by the writer, set again when it calls.</summary>
    public bool MayHaveMore { get => Volatile.Read(ref mayHaveMore); set => Volatile.Write(ref mayHaveMore, value); }

    /// <summary>Whether the replica was told how far the peer's clock is off.</summary>
    public bool KnowsPeerClock { get; set; }

    /// <summary>The wait for its next call.</summary>
    public Task Waiting { get; set; } = Task.CompletedTask;

    private bool mayHaveMore = true;
}
