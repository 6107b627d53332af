namespace Crdt.Transport.Sessions;

/// <summary>What can be done about the end of a connection.</summary>
internal static class ErrorClasses
{
    /// <summary>What is not known here may pass.</summary>
    public static SyncErrorClass Of(WireError error, Exception? cause) => error switch
    {
        WireError.NotLoopback => SyncErrorClass.Policy,
        WireError.NotEnrolled or WireError.KeyRevoked or WireError.WrongIdentity or WireError.AccessTokenRefused or WireError.PairingClosed
            or WireError.WrongToken or WireError.TokenUsed or WireError.TokenExpired or WireError.TooManyAttempts
            or WireError.CodeMismatch or WireError.CodeDeclined => SyncErrorClass.Authorisation,
        WireError.TlsFailed => SyncErrorClass.Permanent,
        WireError.SyncViolation when cause is SyncException
        {
            Error: SyncError.NotEnrolled or SyncError.EnrolmentNotNamed or SyncError.WrongRole or SyncError.BadSignature
        } => SyncErrorClass.Authorisation,
        WireError.FrameTooLarge or WireError.FrameTooShort or WireError.UnknownFrame or WireError.UnexpectedFrame
            or WireError.Malformed or WireError.UnknownChannel or WireError.SyncViolation
            or WireError.VersionNotSupported or WireError.NoCommonSpace or WireError.ConnectionToSelf => SyncErrorClass.Permanent,
        _ => SyncErrorClass.Transient,
    };
}
