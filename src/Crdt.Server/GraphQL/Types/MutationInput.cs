using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One mutation of a device that holds no replica.")]
internal sealed class MutationInput
{
    [Description("A UUID of the device's own: sent again, it is answered and not done again.")]
    public Guid RequestId { get; set; }

    [Description("Its place among the device's mutations, from 1, without gaps; the server counts where it is left out.")]
    public long? Sequence { get; set; }

    [Description("CREATE, UPDATE or DELETE.")]
    public MutationType Type { get; set; }

    public string Domain { get; set; } = "";

    public string EntityType { get; set; } = "";

    public string EntityId { get; set; } = "";

    [Description("A JSON merge patch: null removes. {\"$increment\": 2} counts; {\"$add\": [\"a\"], \"$remove\": [\"b\"]} changes a set.")]
    public Value? Payload { get; set; }

    [Description("The entity's version that the person saw: what others wrote since then is concurrent. Left out, it is made upon what the server holds.")]
    public string? BaseVersion { get; set; }

    [Description("Metadata of the application: an object, up to about 4 KiB.")]
    public Value? Context { get; set; }

    /// <exception cref="ApiError">A part breaks the rules of names.</exception>
    internal EntityKey ToKey() => Paging.Key(Domain, EntityType, EntityId);
}
