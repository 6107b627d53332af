using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("Where the mutations of a space, a device or a person stand.")]
internal sealed class SyncStatus(SpaceView space, IReadOnlyList<DeviceQueueView> queues)
{
    public SpaceView Space => space;

    [Description("How many mutations are counted here.")]
    public long Mutations => queues.Sum(q => q.Mutations);

    [Description("How many no server is known to hold.")]
    public long Pending => queues.Sum(q => q.Pending);

    public long Synced => queues.Sum(q => q.Synced);

    [Description("How many are in a conflict that waits for a person.")]
    public long Conflict => queues.Sum(q => q.Conflict);

    [Description("How many were refused.")]
    public long Failed => queues.Sum(q => q.Failed);

    [Description("When the oldest of the pending ones was made.")]
    public DateTimeOffset? OldestPendingAt => queues.Min(q => q.OldestPendingAt);

    [Description("When the last of the devices was heard of.")]
    public DateTimeOffset? LastSeenAt => queues.Max(q => q.LastSeenAt);

    public IEnumerable<DeviceQueueView> Devices => queues;
}
