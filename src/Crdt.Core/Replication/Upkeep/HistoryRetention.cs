namespace Crdt;

/// <summary>What becomes of the log of a space, on every replica (<see cref="Transaction.SetRetention"/>).</summary>
public enum HistoryRetention
{
    /// <summary>Nobody has decided: the log is dropped only when somebody asks a replica to.</summary>
    Undecided,

    /// <summary>It is kept whole, because it is evidence: nothing of it may be dropped.</summary>
    Keep,

    /// <summary>What everybody has seen is dropped of its own accord: a snapshot stands for it.</summary>
    UntilStable,
}
