namespace Crdt;

/// <summary>What can be done about a failed attempt to reach a peer.</summary>
public enum SyncErrorClass
{
    /// <summary>It may work the next time: nobody answered, the connection broke, a side was busy. Tried again soon.</summary>
    Transient,

    /// <summary>One side does not believe who the other is, or that it may: somebody has to enrol it. Tried again rarely.</summary>
    Authorisation,

    /// <summary>The settings of one side forbid it. Tried again rarely.</summary>
    Policy,

    /// <summary>The two do not understand each other, or have nothing in common, until one of them is changed. Tried again
    /// rarely.</summary>
    Permanent,
}
