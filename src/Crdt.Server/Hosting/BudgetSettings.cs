using Crdt.Transport.Lanes;

namespace Crdt.Server.Hosting;

/// <summary>What a connection with a peer may cost; no limits unless they are set.</summary>
internal sealed class BudgetSettings
{
    /// <summary>Bytes sent and received together.</summary>
    public long BytesMax { get; set; } = long.MaxValue;

    /// <summary>How long it may be used.</summary>
    public TimeSpan DurationMax { get; set; } = TimeSpan.MaxValue;

    /// <summary>How full the battery has to be while it is not being charged, in percent.</summary>
    public int BatteryPercentMin { get; set; }

    /// <summary>The same as the node has it.</summary>
    internal ConnectionBudget ToBudget() => new() { BytesMax = BytesMax, DurationMax = DurationMax, BatteryPercentMin = BatteryPercentMin };
}
