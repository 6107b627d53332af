namespace Crdt.Transport;

/// <summary>What ended a connection, or kept it from beginning. The numbers go over the wire in <c>reject</c> and
/// <c>bye</c>, so they never change; a newer peer may send one that has no name here.</summary>
public enum WireError
{
    /// <summary>No error; never carried by an exception.</summary>
    None = 0,

    /// <summary>A frame announced more bytes than its kind may have at that point.</summary>
    FrameTooLarge = 1,

    /// <summary>A frame announced fewer bytes than its own header has.</summary>
    FrameTooShort = 2,

    /// <summary>The stream ended inside a frame.</summary>
    Truncated = 3,

    /// <summary>A frame of unknown type that its sender marked as "must be understood".</summary>
    UnknownFrame = 4,

    /// <summary>A frame of a known type at a point where it has no meaning.</summary>
    UnexpectedFrame = 5,

    /// <summary>The content of a frame is not what its type prescribes.</summary>
    Malformed = 6,

    /// <summary>A message for a channel that its sender has not declared.</summary>
    UnknownChannel = 7,

    /// <summary>A space's replication messages broke its rules; the text and the exception's cause say which.</summary>
    SyncViolation = 8,

    /// <summary>The two sides have no protocol version in common.</summary>
    VersionNotSupported = 16,

    /// <summary>The two sides hold no space in common.</summary>
    NoCommonSpace = 17,

    /// <summary>A node reached itself.</summary>
    ConnectionToSelf = 18,

    /// <summary>The node that was dialled has as many connections as it takes, in all or from one address.</summary>
    TooManyConnections = 19,

    /// <summary>The two nodes have another connection, which stays. No fault of either side.</summary>
    Duplicate = 20,

    /// <summary>The peer broke rules before, and its time is not over.</summary>
    Penalised = 21,

    /// <summary>The greeting did not come in time.</summary>
    HandshakeTimeout = 32,

    /// <summary>A frame that had begun went on too slowly.</summary>
    TooSlow = 33,

    /// <summary>The peer did not take what was sent to it for too long.</summary>
    NotReading = 34,

    /// <summary>Nothing came from the peer for too long, in spite of pings: the connection is half open.</summary>
    Silent = 35,

    /// <summary>The two sides did not come to TLS 1.3: one of them speaks without encryption, or no TLS at all, or shows no
    /// key of the kind that nodes have.</summary>
    TlsFailed = 36,

    /// <summary>Closed on purpose, by whichever side.</summary>
    Closed = 48,

    /// <summary>The connection ended without a farewell.</summary>
    Lost = 49,

    /// <summary>Nobody answered at the address.</summary>
    Unreachable = 50,

    /// <summary>The side that ended the connection had a failure of its own, such as a full disk.</summary>
    LocalFailure = 51,

    /// <summary>An address other than loopback, by a node that speaks without encryption.</summary>
    NotLoopback = 52,

    /// <summary>The address to listen on is taken, or not this machine's.</summary>
    AddressUnavailable = 53,

    /// <summary>The peer's key is enrolled in none of the spaces that both sides hold, and it has shown no certificate.
    /// </summary>
    NotEnrolled = 64,

    /// <summary>The peer's key has been revoked.</summary>
    KeyRevoked = 65,

    /// <summary>The peer is another one than it says, or than was to be reached.</summary>
    WrongIdentity = 66,

    /// <summary>The peer shows no access token, or none that is believed, or it has expired.</summary>
    AccessTokenRefused = 67,

    /// <summary>Nobody is to be paired now.</summary>
    PairingClosed = 80,

    /// <summary>The invitation's token is not one that was given out.</summary>
    WrongToken = 81,

    /// <summary>The invitation has been used, by another device.</summary>
    TokenUsed = 82,

    /// <summary>The invitation's time is over.</summary>
    TokenExpired = 83,

    /// <summary>Too many attempts to be paired failed: for a while there are no more.</summary>
    TooManyAttempts = 84,

    /// <summary>What was revealed is not what had been committed to: somebody stands in between.</summary>
    CodeMismatch = 85,

    /// <summary>A person said that the codes differ, or did not want this device.</summary>
    CodeDeclined = 86,
}
