namespace Crdt.Store;

/// <summary>How a replica's files are checked and repaired.</summary>
public sealed record StoreDoctorOptions
{
    /// <summary>How the replica runs that the files belong to: its data types, without which some documents cannot be compared;
    /// for a repair also what gives it a new id and remembers what was released.</summary>
    public required ReplicaOptions Replica { get; init; }

    /// <summary>What the files are encrypted under; null where they are not.</summary>
    public StoreKey? Key { get; init; }

    /// <summary>Whether a repair ends a damaged log before the damage. What lies behind it is kept aside, and applied again as
    /// far as that is possible; the rest comes back from peers that hold it. The replica goes on under a new id. What no peer
    /// holds and the damage has hit is lost.</summary>
    public bool CutsDamagedLog { get; init; }

    /// <summary>Whether this device has no private key though the space is keyed: told before anything else. Default: no.</summary>
    public bool LacksNodeKey { get; init; }
}
