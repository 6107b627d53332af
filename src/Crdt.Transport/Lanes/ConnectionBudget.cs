namespace Crdt.Transport.Lanes;

/// <summary>What a node may spend on one connection. When it is spent, spaces rest on that connection, but for those that are
/// essential (<see cref="SpaceLane.IsEssential"/>); the next connection begins anew.</summary>
public sealed record ConnectionBudget
{
    /// <summary>No limits.</summary>
    public static ConnectionBudget Unlimited { get; } = new();

    /// <summary>Bytes sent and received together, everything counted. The other side is told how much is left, so that little more
    /// than that arrives. Without limit by default.</summary>
    public long BytesMax { get; init; } = long.MaxValue;

    /// <summary>How long a connection may be used for what is not essential; without limit by default.</summary>
    public TimeSpan DurationMax { get; init; } = TimeSpan.MaxValue;

    /// <summary>How full the battery has to be while it is not being charged, in percent; 0 by default, so that it does not
    /// matter. Where nothing is known of a battery it does not matter either.</summary>
    public int BatteryPercentMin { get; init; }

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(BytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(DurationMax, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegative(BatteryPercentMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(BatteryPercentMin, 100);
    }
}
