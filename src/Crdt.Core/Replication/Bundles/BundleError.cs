namespace Crdt;

/// <summary>What is wrong with a bundle.</summary>
public enum BundleError
{
    /// <summary>The file is no bundle.</summary>
    NotABundle,

    /// <summary>It is one of a later format.</summary>
    UnknownFormat,

    /// <summary>It is of another space.</summary>
    WrongSpace,

    /// <summary>It begins behind what this replica holds: something in between is missing here.</summary>
    Gap,

    /// <summary>Bytes of it have changed on the way.</summary>
    Damaged,

    /// <summary>It ends early. What came before the end was taken.</summary>
    Incomplete,

    /// <summary>What it holds is not what its maker may tell; the inner <see cref="SyncException"/> says what.</summary>
    Refused,
}
