using System.ComponentModel;
using Crdt.Server.Hosting;

namespace Crdt.Server.GraphQL.Types;

[Description("How a person settled a conflict: a mutation like any other.")]
internal sealed class ConflictResolution(ServerSpace space, QueuedMutation resolution, Value value)
{
    [Description("The mutation that settled it.")]
    public OfflineMutation Mutation => new(space, resolution);

    [Description("What stands since then.")]
    public Value Value => value;

    [Description("Who settled it.")]
    public string? Author => resolution.Mutation.User;

    public DateTimeOffset ResolvedAt => resolution.Mutation.CreatedAt;

    public DateTimeOffset? SyncedAt => resolution.SyncedAt;
}
