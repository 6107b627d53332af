namespace Crdt;

/// <summary>What became of entries that were applied again from elsewhere.</summary>
/// <param name="Applied">Runs that were news and were applied.</param>
/// <param name="Covered">Runs that the replica held already.</param>
/// <param name="Waiting">Runs that cannot be applied: something before them is missing here.</param>
/// <param name="Open">Batches that no head vouches for: nobody can apply those.</param>
public readonly record struct ReapplyResult(int Applied, int Covered, int Waiting, int Open);
