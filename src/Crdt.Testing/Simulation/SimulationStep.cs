using System.Text.Json.Serialization;

namespace Crdt.Testing.Simulation;

/// <summary>Something that happens to the replicas from outside; whatever follows from it is not a step. Complete in
/// itself: any steps can be left out, and the others still mean the same.</summary>
/// <param name="At">When, in virtual microseconds.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "step")]
[JsonDerivedType(typeof(CommitStep), "commit")]
[JsonDerivedType(typeof(HandleStep), "handle")]
[JsonDerivedType(typeof(LookStep), "look")]
[JsonDerivedType(typeof(ConnectStep), "connect")]
[JsonDerivedType(typeof(CutStep), "cut")]
[JsonDerivedType(typeof(StallStep), "stall")]
[JsonDerivedType(typeof(PartitionStep), "partition")]
[JsonDerivedType(typeof(CrashStep), "crash")]
[JsonDerivedType(typeof(FullDiskStep), "fullDisk")]
[JsonDerivedType(typeof(ClockStep), "clock")]
[JsonDerivedType(typeof(StaleStep), "stale")]
[JsonDerivedType(typeof(SnapshotStep), "snapshot")]
[JsonDerivedType(typeof(PruneStep), "prune")]
[JsonDerivedType(typeof(PurgeStep), "purge")]
[JsonDerivedType(typeof(BackUpStep), "backUp")]
[JsonDerivedType(typeof(RestoreStep), "restore")]
[JsonDerivedType(typeof(RetireStep), "retire")]
[JsonDerivedType(typeof(AttachStep), "attach")]
[JsonDerivedType(typeof(EvictStep), "evict")]
[JsonDerivedType(typeof(CollectStep), "collect")]
[JsonDerivedType(typeof(QuiesceStep), "quiesce")]
internal abstract record SimulationStep(long At);

/// <summary>A transaction.</summary>
internal sealed record CommitStep(long At, int Replica, string? User, params SimulatedEdit[] Edits) : SimulationStep(At);

/// <summary>Somebody decides what becomes of refused work.</summary>
/// <param name="At">When.</param>
/// <param name="Replica">Where.</param>
/// <param name="User">Who.</param>
/// <param name="Refusal">The entity that tells of it.</param>
/// <param name="Handling">What becomes of it.</param>
/// <param name="Change">What is different when it is sent again; as it was when <see langword="null"/>.</param>
internal sealed record HandleStep(
    long At, int Replica, string? User, string Refusal, RefusalHandling Handling, SimulatedOp? Change = null) : SimulationStep(At);

/// <summary>Somebody looks at an entity: later edits may be based on what was seen.</summary>
internal sealed record LookStep(long At, int Replica, string Entity) : SimulationStep(At);

/// <summary>Two replicas connect and begin a session.</summary>
internal sealed record ConnectStep(long At, int A, int B, LinkQuality Quality) : SimulationStep(At);

/// <summary>All connections between two replicas end, at whatever byte they are.</summary>
internal sealed record CutStep(long At, int A, int B) : SimulationStep(At);

/// <summary>What one side sends, or both, does not arrive for some time.</summary>
internal sealed record StallStep(long At, int From, int To, bool BothWays, long DurationUs) : SimulationStep(At);

/// <summary>Nothing passes between two groups for some time; a replica is in the first if its bit is set.</summary>
internal sealed record PartitionStep(long At, ulong Group, long DurationUs) : SimulationStep(At);

/// <summary>A process ends: at once, or at one of its next writes to the store, which is then there or not.</summary>
/// <param name="At">When.</param>
/// <param name="Replica">Which.</param>
/// <param name="DownUs">How long until it begins again.</param>
/// <param name="AtWrite">At the how many-th write from now; 0 for at once.</param>
/// <param name="IsWriteKept">Whether the write that it dies in is found there again.</param>
/// <param name="KeptNotes">How many of the appends that nobody waited for are kept.</param>
internal sealed record CrashStep(long At, int Replica, long DownUs, int AtWrite, bool IsWriteKept, int KeptNotes)
    : SimulationStep(At);

/// <summary>Writes fail for some time.</summary>
internal sealed record FullDiskStep(long At, int Replica, long DurationUs) : SimulationStep(At);

/// <summary>A wall clock is set, and goes on at another speed.</summary>
internal sealed record ClockStep(long At, int Replica, long JumpMs, int DriftPpm) : SimulationStep(At);

/// <summary>Runs out of one replica's log are handed to another, outside any session.</summary>
/// <param name="At">When.</param>
/// <param name="From">Whose log.</param>
/// <param name="To">To whom.</param>
/// <param name="Place">Where in the log they begin, in millionths of its length.</param>
/// <param name="Runs">How many.</param>
internal sealed record StaleStep(long At, int From, int To, int Place, int Runs) : SimulationStep(At);

/// <summary>A server makes a snapshot.</summary>
internal sealed record SnapshotStep(long At, int Replica) : SimulationStep(At);

/// <summary>A replica drops the beginning of its log, as far as a snapshot stands for it.</summary>
internal sealed record PruneStep(long At, int Replica) : SimulationStep(At);

/// <summary>A server drops for good the deleted entities of which everybody knows.</summary>
internal sealed record PurgeStep(long At, int Replica) : SimulationStep(At);

/// <summary>A device's files are copied, in place of an earlier copy.</summary>
internal sealed record BackUpStep(long At, int Replica) : SimulationStep(At);

/// <summary>A device's files are replaced by the last copy that was made of its own, or of another device's.</summary>
/// <param name="At">When.</param>
/// <param name="Replica">Whose files go.</param>
/// <param name="From">Whose copy comes.</param>
internal sealed record RestoreStep(long At, int Replica, int From) : SimulationStep(At);

/// <summary>A server ends a device's log.</summary>
internal sealed record RetireStep(long At, int Server, int Replica) : SimulationStep(At);

/// <summary>Somebody attaches content to an entity.</summary>
/// <param name="At">When.</param>
/// <param name="Replica">Where.</param>
/// <param name="Entity">To which.</param>
/// <param name="Path">In which field.</param>
/// <param name="Content">Its bytes are drawn from this.</param>
/// <param name="LengthBytes">How many they are.</param>
/// <param name="Puts">Whether it is taken in there; else only its name is known, as by a copied field.</param>
internal sealed record AttachStep(
    long At, int Replica, string Entity, string Path, ulong Content, int LengthBytes, bool Puts) : SimulationStep(At);

/// <summary>Somebody makes room on a device, as far as others hold the content.</summary>
internal sealed record EvictStep(long At, int Replica, ulong Content, int LengthBytes) : SimulationStep(At);

/// <summary>A device drops the content that no field names any more.</summary>
internal sealed record CollectStep(long At, int Replica) : SimulationStep(At);

/// <summary>Everything heals, all synchronise, and everything is checked.</summary>
/// <param name="At">When.</param>
/// <param name="InTurn">Whether two meet at a time; else all links hold a session at once.</param>
/// <param name="IsLast">Whether the run ends with it.</param>
/// <param name="EndsForks">Whether no id comes to be used twice behind it: what counts by then is the history.</param>
internal sealed record QuiesceStep(long At, bool InTurn, bool IsLast, bool EndsForks = false) : SimulationStep(At);
