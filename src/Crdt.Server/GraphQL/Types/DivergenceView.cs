using System.ComponentModel;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Divergence")]
[Description("Two replicas that have applied the same and hold different states.")]
internal sealed class DivergenceView(Divergence divergence)
{
    public Guid DeviceId => divergence.Peer.Value;

    public DateTimeOffset NoticedAt => divergence.Time;

    [Description("The entities that differ, as domain/type/id; null while both sides are looking for them.")]
    public IEnumerable<string>? Entities => divergence.Keys?.Select(k => k.ToString());
}
