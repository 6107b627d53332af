namespace Crdt.Transport;

/// <summary>What happened at a node.</summary>
public enum PeerNodeEventKind
{
    /// <summary>It listens.</summary>
    Listening,

    /// <summary>A connection's greeting is done; replication runs.</summary>
    Connected,

    /// <summary>A connection ended.</summary>
    Disconnected,

    /// <summary>Somebody dialled and no connection came of it.</summary>
    Refused,

    /// <summary>An attempt to dial failed.</summary>
    DialFailed,

    /// <summary>Somebody dialled and could not be taken, for want of resources of this machine.</summary>
    AcceptFailed,

    /// <summary>A device was let into a space.</summary>
    Paired,

    /// <summary>This machine does not let anybody be found, or heard: addresses are needed. Tried again.</summary>
    DiscoveryFailed,

    /// <summary>A peer has broken a rule, and is refused for a while.</summary>
    Penalised,

    /// <summary>A link dials before its time, because something has changed.</summary>
    Hurried,
}
