namespace Crdt.Transport.Sessions;

/// <summary>What can be done about the end of a connection.</summary>
internal static class ErrorClasses
{
    /// <summary>What is not known here may pass.</summary>
    public static SyncErrorClass Of(WireError error, Exception? cause) => error switch
    {
        WireError.NotLoopback => SyncErrorClass.Policy,
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
