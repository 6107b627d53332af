using Crdt.Server.GraphQL.Types;

namespace Crdt.Server.GraphQL;

/// <summary>Devices that hold no replica, as entities of the space's own data: every server knows them.</summary>
internal static class ThinDevices
{
    public const string EntityType = "device";

    public static readonly FieldPath OwnerField = "owner", NameField = "name", StateField = "state";

    public static EntityKey KeyOf(Guid device) => new(EntityKey.SpaceDomain, EntityType, device.ToString("D"));

    /// <summary>What has become of it, by its entity.</summary>
    public static DeviceState StateOf(Entity? entry) => entry is null ? DeviceState.Invited
        : Enum.TryParse(entry.GetString(StateField), out DeviceState state) ? state : DeviceState.Active;
}
