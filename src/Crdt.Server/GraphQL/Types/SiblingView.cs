using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Sibling")]
[Description("One of several values that were written without knowing of each other.")]
internal sealed class SiblingView(ServerSpace space, Sibling sibling, FieldPath path)
{
    private readonly Lazy<QueuedMutation?> mutation = new(() => space.Replica.FindMutation(sibling.Dot));

    [Description("The mutation that wrote it: names this side in a resolution.")]
    public Guid MutationId => Crdt.MutationId.Of(sibling.Dot);

    [Description("The value: of a counter its author's total, of an entity's existence true for alive.")]
    public Value Value => sibling.Value;

    [Description("Who wrote it.")]
    public string? Author => mutation.Value?.Mutation.User;

    [Description("On which device.")]
    public Guid DeviceId => mutation.Value is { } found ? new OfflineMutation(space, found).DeviceId : sibling.Dot.Replica.Value;

    public ReplicaRole Role => sibling.Role;

    public DateTimeOffset CreatedAt => sibling.Timestamp.Time;

    public DateTimeOffset? SyncedAt => mutation.Value?.SyncedAt;

    [Description("The mutations whose values its author saw there and replaced.")]
    public IEnumerable<Guid> Observed => mutation.Value?.Mutation.Changes
        .Where(c => c.Value is not null && c.Observed.Count > 0).SelectMany(c => c.Observed).Distinct().Take(ObservedMax).Select(Crdt.MutationId.Of) ?? [];

    [Description("What its author saw there and replaced, as far as the log holds it: at most 10.")]
    public IEnumerable<SiblingView> Saw => mutation.Value?.Mutation.Changes.FirstOrDefault(c => c.Path.Equals(path) && c.Value is not null)?.Observed
        .Take(SawMax).Select(d => ConflictView.Read(space.Replica, d, path)).OfType<Sibling>().Select(s => new SiblingView(space, s, path)) ?? [];

    [Description("Whether a server passed it over.")]
    public bool IsLost => sibling.IsLost;

    [Description("Why a server refused it.")]
    public RefusalCode? Refused => sibling.Refused;

    // As many as a person reads.
    private const int ObservedMax = 100, SawMax = 10;
}
