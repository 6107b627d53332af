using System.ComponentModel;
using Crdt.Transport.Lanes;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Lane")]
[Description("When the space has its turn on a connection, and what rests there.")]
internal sealed class LaneView(LaneStatus lane, SpaceLane wanted)
{
    [Description("Both sides' priorities together: of several spaces what is higher goes first.")]
    public int Priority => lane.Priority;

    [Description("Why mutations rest; NONE while they do not.")]
    public LaneHold Hold => lane.Hold;

    [Description("Why attachments rest.")]
    public LaneHold AttachmentsHold => lane.AttachmentsHold;

    [Description("Whether this server lets the space rest there.")]
    public bool IsHeld => wanted.IsHeld;

    [Description("Whether this server lets attachments travel there.")]
    public bool CarriesAttachments => wanted.CarriesAttachments;

    public long BytesSent => lane.BytesSent;

    public long BytesReceived => lane.BytesReceived;
}
