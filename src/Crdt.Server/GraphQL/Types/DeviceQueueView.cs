using System.ComponentModel;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("DeviceQueue")]
[Description("What one device has written, and how far it has come, as this server knows it.")]
internal sealed class DeviceQueueView(
    Guid device, DeviceKind kind, long mutations, long pending, long synced, long conflict, long failed, DateTimeOffset? oldestPending, DateTimeOffset? seen)
{
    public DeviceQueueView(DeviceQueue queue)
        : this(queue.Replica.Value, DeviceKind.Replica, queue.Mutations, queue.Pending, queue.Synced, queue.Conflict, queue.Failed, queue.OldestPending,
            queue.LastStatement?.Time)
    {
    }

    public Guid DeviceId => device;

    public DeviceKind Kind => kind;

    [Description("How many of its mutations are counted here.")]
    public long Mutations => mutations;

    [Description("Of these, how many no server is known to hold.")]
    public long Pending => pending;

    public long Synced => synced;

    [Description("How many are in a conflict that waits for a person.")]
    public long Conflict => conflict;

    [Description("How many were refused.")]
    public long Failed => failed;

    [Description("When the oldest of the pending ones was made.")]
    public DateTimeOffset? OldestPendingAt => oldestPending;

    [Description("When the device was last heard of.")]
    public DateTimeOffset? LastSeenAt => seen;
}
