namespace Crdt;

/// <summary>Why a replica's log was ended by others. A number that has no name here is a reason of a later version, and is passed on as
/// it is.</summary>
public enum FenceReason
{
    /// <summary>Some other reason.</summary>
    Other = 0,

    /// <summary>Two logs were in use under its id.</summary>
    Forked,

    /// <summary>Its device was taken out of use: that id, and no more. With its key it may go on under another one.</summary>
    Retired,

    /// <summary>Its device is no longer trusted: in a keyed space its key is not, under whatever id.</summary>
    Revoked,
}
