namespace Crdt.Testing.Simulation;

/// <summary>What a <see cref="SimulatedEvent"/> is.</summary>
internal enum EventKind
{
    /// <summary>Bytes arrive at a side.</summary>
    Arrive,

    /// <summary>A side looks whether it has something to send.</summary>
    Look,

    /// <summary>The connection ends.</summary>
    Cut,

    /// <summary>A process begins again.</summary>
    Restart,

    /// <summary>The disk has room again.</summary>
    DiskRoom,

    /// <summary>The partition ends.</summary>
    PartitionEnd,

    /// <summary>What a replica has begun beside its caller goes on.</summary>
    Beside,

    /// <summary>A side looks whether the other one sends what it was asked for of attachments.</summary>
    Watch,
}
