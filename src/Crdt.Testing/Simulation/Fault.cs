namespace Crdt.Testing.Simulation;

/// <summary>What may go wrong in a <see cref="Simulation"/>. Which of them do, how often and how badly, the seed decides.</summary>
[Flags]
public enum Fault
{
    /// <summary>Nothing: replicas still work offline, meet and part.</summary>
    None = 0,

    /// <summary>For some time, no link between two groups of replicas carries anything.</summary>
    Partition = 1 << 0,

    /// <summary>For some time, what one side of a link sends does not arrive, and what the other sends does.</summary>
    OneWayLoss = 1 << 1,

    /// <summary>A connection ends after any byte, within a frame or between two.</summary>
    Cut = 1 << 2,

    /// <summary>Two sessions between the same replicas at a time, so that everything comes twice.</summary>
    Duplicate = 1 << 3,

    /// <summary>Runs out of somebody's log are handed over once more, outside any session, old ones and ones whose
    /// predecessors are missing.</summary>
    Stale = 1 << 4,

    /// <summary>A peer so slow that it takes seconds for what others take in milliseconds.</summary>
    SlowPeer = 1 << 5,

    /// <summary>A process ends at any moment, and begins again from what its store holds.</summary>
    Crash = 1 << 6,

    /// <summary>A process ends in the middle of a write to its store; what was not acknowledged may be there or not.</summary>
    TornWrite = 1 << 7,

    /// <summary>Writes to the store fail for some time, as with a full disk.</summary>
    FullDisk = 1 << 8,

    /// <summary>A wall clock jumps, forth or back, by seconds, days, or to 1970.</summary>
    ClockJump = 1 << 9,

    /// <summary>Wall clocks stand apart from each other and run at different speeds.</summary>
    ClockDrift = 1 << 10,

    /// <summary>Servers refuse transactions, and not the same ones.</summary>
    Refusal = 1 << 11,

    /// <summary>Servers make snapshots and purge, and any replica drops the beginning of its log: who lacks that gets a
    /// snapshot instead.</summary>
    Pruning = 1 << 12,

    /// <summary>A device's files are replaced by an older backup of them: its id is used twice.</summary>
    RestoredBackup = 1 << 13,

    /// <summary>A device's files are copied over another's: two devices write under one id.</summary>
    ClonedDevice = 1 << 14,

    /// <summary>A server ends the log of a device, which returns under a new id and writes its unsynced work again.</summary>
    Retirement = 1 << 15,

    /// <summary>What makes two logs of one author, or ends one. A run with any of it has no <see cref="Pruning"/>, nor what is
    /// handed over outside sessions: some of all runs have the one, the others the other.</summary>
    Forks = RestoredBackup | ClonedDevice | Retirement,

    /// <summary>Everything above.</summary>
    All = (1 << 16) - 1,
}
