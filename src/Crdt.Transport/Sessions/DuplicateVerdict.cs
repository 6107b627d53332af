namespace Crdt.Transport.Sessions;

/// <summary>What becomes of two connections to the same node.</summary>
internal enum DuplicateVerdict
{
    KeepOld,
    KeepNew,

    /// <summary>The peer does not have the old one any more: keep the new one, and say no farewell on the old.
    /// </summary>
    OldIsDead,
}
