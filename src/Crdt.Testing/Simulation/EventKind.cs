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
}
