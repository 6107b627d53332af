using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("A device that is to take part.")]
internal sealed class DeviceInput
{
    [Description("Its UUID: the replica id, where it holds one.")]
    public Guid Id { get; set; }

    [Description("A name for people; of thin clients only.")]
    public string? Name { get; set; }

    [Description("Whose it is; of a thin client whoever registers it, unless said otherwise.")]
    public string? Owner { get; set; }

    [Description("Of a device that holds a replica: its public key, in base 64. Without one it is a thin client.")]
    public string? PublicKey { get; set; }

    [Description("Of a device that holds a replica: CLIENT, which it is when nothing is said, or SERVER.")]
    public ReplicaRole? Role { get; set; }
}
