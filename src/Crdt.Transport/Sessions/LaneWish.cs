using Crdt.Transport.Lanes;

namespace Crdt.Transport.Sessions;

/// <summary>What one side of a connection wants of a space, as a <c>lanes</c> frame tells it.</summary>
/// <param name="Channel">The sender's number for the space.</param>
/// <param name="Priority">Added to the other side's.</param>
/// <param name="Flags">The rest.</param>
internal readonly record struct LaneWish(int Channel, int Priority, LaneFlags Flags)
{
    public static LaneWish Of(int channel, SpaceLane lane) => new(channel, lane.Priority,
        (lane.IsHeld ? LaneFlags.Held : 0) | (lane.IsEssential ? LaneFlags.Essential : 0) | (lane.CarriesAttachments ? 0 : LaneFlags.NoAttachments));
}

/// <summary>The flags of a <see cref="LaneWish"/>; the numbers are the format's.</summary>
[Flags]
internal enum LaneFlags
{
    /// <summary>Nothing of the space is to be sent.</summary>
    Held = 1,

    /// <summary>Its mutations go on when the budget is spent.</summary>
    Essential = 2,

    /// <summary>None of its attachments is to be sent.</summary>
    NoAttachments = 4,
}
