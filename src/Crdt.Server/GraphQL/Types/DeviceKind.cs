namespace Crdt.Server.GraphQL.Types;

/// <summary>How a device takes part.</summary>
internal enum DeviceKind
{
    /// <summary>It holds a replica of its own.</summary>
    Replica,

    /// <summary>It sends its mutations through servers.</summary>
    Thin,
}
