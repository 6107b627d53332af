namespace Crdt.Transport;

/// <summary>What a <see cref="PeerLink"/> is doing.</summary>
public enum PeerLinkState
{
    /// <summary>It dials.</summary>
    Connecting,

    /// <summary>It has a connection.</summary>
    Connected,

    /// <summary>It waits for its next attempt.</summary>
    Waiting,

    /// <summary>It was disposed.</summary>
    Stopped,
}
