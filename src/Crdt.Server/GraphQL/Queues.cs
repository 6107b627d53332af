using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;
using Crdt.Server.ThinClients;

namespace Crdt.Server.GraphQL;

/// <summary>What devices have written, replicas and thin clients alike.</summary>
internal static class Queues
{
    /// <summary>One device's; <see langword="null"/> when nothing of it is known.</summary>
    public static DeviceQueueView? Of(ServerSpace space, Guid device, string? user = null)
    {
        if (space.Replica.Get(ThinDevices.KeyOf(device)) is not null) return OfThin(space, device, InConflict(space));
        return space.Replica.Queues(user).FirstOrDefault(q => q.Replica.Value == device) is { } queue ? new DeviceQueueView(queue) : null;
    }

    /// <summary>Those of all replicas: what thin clients sent is counted with the servers that wrote it down.</summary>
    public static IEnumerable<DeviceQueueView> All(ServerSpace space, string? user = null) =>
        space.Replica.Queues(user).Select(q => new DeviceQueueView(q));

    // A server wrote it down, and holds it: nothing of it is pending, and servers refuse nothing of each other.
    private static DeviceQueueView OfThin(ServerSpace space, Guid device, Dictionary<Guid, long> contested)
    {
        long count = space.Book.LastOf(device), conflict = contested.GetValueOrDefault(device);
        BookedRequest? last = count == 0 ? null : space.Book.FindAt(device, count);
        DateTimeOffset? seen = last is null || last.Mutation == default ? null : space.Replica.FindMutation(last.Mutation)?.Mutation.CreatedAt;
        return new DeviceQueueView(device, DeviceKind.Thin, count, 0, count - conflict, conflict, 0, null, seen);
    }

    private static Dictionary<Guid, long> InConflict(ServerSpace space)
    {
        var counts = new Dictionary<Guid, long>();
        foreach (Dot dot in space.Replica.Conflicts().SelectMany(c => c.Siblings).Select(s => s.Dot).Distinct())
        {
            if (space.Replica.FindMutation(dot) is { } queued && ThinOrigin.Of(queued.Mutation) is { } origin)
                counts[origin.Device] = counts.GetValueOrDefault(origin.Device) + 1;
        }
        return counts;
    }
}
