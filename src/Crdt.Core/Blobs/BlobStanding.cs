namespace Crdt;

/// <summary>How a blob stands on a device, in one word.</summary>
public enum BlobStanding
{
    /// <summary>All of it is here.</summary>
    Here,

    /// <summary>It is coming: a connected peer has some of what is missing.</summary>
    Fetching,

    /// <summary>It is wanted, and comes from the next peer that has it.</summary>
    Waiting,

    /// <summary>It comes when somebody here asks for it: by the device's policy, or since it was evicted.</summary>
    OnDemand,

    /// <summary>The device's policy does not take it at all.</summary>
    NotTaken,

    /// <summary>It does not fit the device's quota.</summary>
    OverQuota,

    /// <summary>What came is not what the field says, or a peer sent what is not its chunk and nobody else has it.</summary>
    Refused,

    /// <summary>It could not be kept: the disk is full, or fails.</summary>
    Failed,
}
