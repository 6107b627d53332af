using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Description("One thing that a person did on a device, and where it stands.")]
internal sealed class OfflineMutation(ServerSpace space, QueuedMutation queued)
{
    private readonly Mutation mutation = queued.Mutation;

    [Description("Its UUID: the same on every replica.")]
    public Guid Id => mutation.Id;

    [Description("The UUID under which a thin client sent it.")]
    public Guid? RequestId => mutation.Origin?.RequestId;

    public MutationType Type => (MutationType)mutation.Kind;

    public MutationStatus Status => queued.Status;

    public string Domain => mutation.Key.Domain;

    public string EntityType => mutation.Key.Type;

    public string EntityId => mutation.Key.Id;

    [Description("The device it was made on: a replica, or a thin client.")]
    public Guid DeviceId => ThinOrigin.Of(mutation)?.Device ?? ReplicaId;

    [Description("Its place among the device's mutations, from 1, without gaps.")]
    public long DeviceSequence => ThinOrigin.Of(mutation)?.Sequence ?? Sequence;

    [Description("The replica that wrote it: a thin client's is its server's.")]
    public Guid ReplicaId => mutation.Dot.Replica.Value;

    [Description("Its place in that replica's log, from 1, without gaps.")]
    public long Sequence => mutation.Dot.Sequence;

    [Description("Who was using the device.")]
    public string? Author => mutation.User;

    [Description("What it wrote, as a JSON merge patch: null removes. Of a counter its author's new total, below \"$count\"; of a set what "
        + "was added and removed, below \"$add\" and \"$remove\".")]
    public Value Payload => MutationPayload.Of(mutation);

    [Description("Metadata of the application.")]
    public Value? Context => ThinOrigin.ContextOf(mutation);

    [Description("When it was made, by the device's clock.")]
    public DateTimeOffset CreatedAt => mutation.CreatedAt;

    [Description("When a server said that it holds it.")]
    public DateTimeOffset? SyncedAt => queued.SyncedAt;

    [Description("When what became of it was decided: of refused work, when it was refused.")]
    public DateTimeOffset? ResolvedAt => Refusal?.RefusedAt;

    [Description("How many other replicas are known to hold it durably.")]
    public int HeldBy => queued.HeldBy;

    [Description("Attempts to reach a peer that failed since it was made, while it is pending.")]
    public int Attempts => queued.Attempts;

    [Description("Why the last of these failed.")]
    public string? LastError => queued.LastError?.Message;

    [Description("When a peer is tried again.")]
    public DateTimeOffset? NextAttemptAt => queued.NextAttempt;

    [Description("Why a server refused it, and what became of it.")]
    public RefusalView? Refusal => queued.Status == MutationStatus.Failed && space.Replica.FindRefusal(mutation.Dot) is { } refused
        ? new RefusalView(space, refused) : null;

    [Description("The entity as it is now.")]
    public EntityView? Entity => space.Replica.GetWithDeleted(mutation.Key) is { } entity ? new EntityView(space, entity) : null;

    [Description("Why it stands where it stands.")]
    public ExplanationView Why() => new(space, space.Replica.Why(mutation.Dot));

    /// <summary>What it is about.</summary>
    internal EntityKey Key => mutation.Key;

    /// <summary>What a person did, and no annotation by a server.</summary>
    internal static bool Shows(Mutation mutation) => mutation.Kind < MutationKind.Mark;
}
