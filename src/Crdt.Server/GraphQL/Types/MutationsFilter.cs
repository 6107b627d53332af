using System.ComponentModel;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("MutationsFilter")]
[Description("Which mutations; every part that is given must hold.")]
internal sealed class MutationsFilter
{
    public MutationStatus? Status { get; set; }

    public MutationType? Type { get; set; }

    public string? Domain { get; set; }

    public string? EntityType { get; set; }

    [Description("With domain and entity_type.")]
    public string? EntityId { get; set; }

    [Description("Of this device: a replica, or a thin client.")]
    public Guid? DeviceId { get; set; }

    [Description("Of this person, on whichever device.")]
    public string? Author { get; set; }

    [Description("Made at this time or later, by the devices' clocks.")]
    public DateTimeOffset? CreatedFrom { get; set; }

    [Description("Made before this time.")]
    public DateTimeOffset? CreatedTo { get; set; }

    [Description("Sent by a thin client under this UUID.")]
    public Guid? RequestId { get; set; }
}
