using System.ComponentModel;
using Crdt.Server.Hosting;
using Crdt.Server.ThinClients;

namespace Crdt.Server.GraphQL.Types;

[Description("What became of a request.")]
internal sealed class QueuedResult(ServerSpace space, BookedRequest request, QueuedMutation? queued, bool isRepeated)
{
    public Guid RequestId => request.RequestId;

    public Guid DeviceId => request.Device;

    [Description("Its place among the device's mutations.")]
    public long Sequence => request.Sequence;

    [Description("Whether it had been sent before: then this is what became of it at that time.")]
    public bool IsRepeated => isRepeated;

    [Description("The mutation; null when there was nothing to change, or the log holds it no more.")]
    public OfflineMutation? Mutation => queued is null ? null : new OfflineMutation(space, queued);
}
