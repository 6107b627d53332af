namespace Crdt.Server.GraphQL;

/// <summary>What went wrong, for programs: <c>extensions.code</c> of an error, in capitals. Described in docs/graphql.md.</summary>
internal enum ApiErrorCode
{
    /// <summary>The request is no GraphQL, or does not fit the schema.</summary>
    BadRequest,

    /// <summary>The document is deeper, or asks for more, than one request may.</summary>
    TooComplex,

    /// <summary>There is no valid token.</summary>
    Unauthenticated,

    /// <summary>The token does not give that.</summary>
    Forbidden,

    /// <summary>More requests than this client may make now.</summary>
    RateLimited,

    /// <summary>There is no such thing here.</summary>
    NotFound,

    /// <summary>The entity exists already.</summary>
    AlreadyExists,

    /// <summary>The conflict is settled already.</summary>
    NoConflict,

    /// <summary>A value, name or condition cannot be what it is meant to be.</summary>
    InvalidArgument,

    /// <summary>A mutation does not fit its entity, or breaks a limit.</summary>
    InvalidMutation,

    /// <summary>A page is asked for from a cursor that this server never gave.</summary>
    InvalidCursor,

    /// <summary>A request id was used before, for something else.</summary>
    RequestIdReused,

    /// <summary>A device's mutation comes before one that is missing.</summary>
    SequenceGap,

    /// <summary>A device's sequence number stands for another mutation already.</summary>
    SequenceTaken,

    /// <summary>The device is not registered, or was revoked or retired.</summary>
    DeviceNotActive,

    /// <summary>This server must not write in the space now.</summary>
    ServerCannotWrite,

    /// <summary>Of an attachment not all that was asked for is on this server.</summary>
    NotHere,

    /// <summary>An attachment is larger than this server takes.</summary>
    TooLarge,

    /// <summary>An attachment does not fit the server's quota.</summary>
    QuotaExceeded,

    /// <summary>The subscriber took its messages too slowly.</summary>
    TooSlow,

    /// <summary>A defect of this server; its log tells more.</summary>
    Internal,
}
