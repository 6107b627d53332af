namespace Crdt.Transport.Lanes;

/// <summary>How a space fares on a connection.</summary>
/// <param name="Space">Which.</param>
/// <param name="Priority">Both sides' priorities together: what is higher goes first.</param>
/// <param name="Hold">Why its mutations rest, if they do.</param>
/// <param name="AttachmentsHold">Why its attachments rest, if they do.</param>
/// <param name="BytesSent">What it has sent, attachments included.</param>
/// <param name="BytesReceived">What it has received.</param>
/// <param name="IsInSync">Whether both sides are known to hold the same, durably.</param>
/// <param name="Progress">What its session has done.</param>
public sealed record LaneStatus(
    SpaceId Space, int Priority, LaneHold Hold, LaneHold AttachmentsHold, long BytesSent, long BytesReceived, bool IsInSync, SyncProgress Progress);
