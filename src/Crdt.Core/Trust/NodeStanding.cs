namespace Crdt;

/// <summary>How a node stands in a space, judged by its key.</summary>
public enum NodeStanding
{
    /// <summary>Nothing is known here of its enrolment; or the space is open, where nobody is enrolled.</summary>
    Unknown,

    /// <summary>A replica of its key is enrolled, or it has shown a certificate of the space's authority.</summary>
    Enrolled,

    /// <summary>Its key has been revoked.</summary>
    Revoked,
}
