namespace Crdt.Transport.Lanes;

/// <summary>Why a space rests on a connection.</summary>
public enum LaneHold
{
    /// <summary>It does not.</summary>
    None,

    /// <summary>It was held here (<see cref="SpaceLane.IsHeld"/>).</summary>
    Here,

    /// <summary>The other side holds it.</summary>
    Peer,

    /// <summary>The bytes of the connection are spent (<see cref="ConnectionBudget.BytesMax"/>).</summary>
    Bytes,

    /// <summary>The time of the connection is spent (<see cref="ConnectionBudget.DurationMax"/>).</summary>
    Time,

    /// <summary>The battery is low (<see cref="ConnectionBudget.BatteryPercentMin"/>).</summary>
    Battery,

    /// <summary>What the other side may spend on the connection is spent.</summary>
    PeerBudget,
}
