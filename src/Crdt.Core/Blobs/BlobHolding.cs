namespace Crdt;

/// <summary>What a store holds of one blob.</summary>
/// <param name="Root">Which.</param>
/// <param name="Size">Its length in bytes.</param>
/// <param name="Chunks">How many of its chunks are there.</param>
/// <param name="Damaged">How many were there, and were found damaged.</param>
/// <param name="First">The first chunk that is not there; the number of all where it is whole.</param>
public readonly record struct BlobHolding(BlobHash Root, long Size, int Chunks, int Damaged, int First)
{
    /// <summary>Whether all of it is there.</summary>
    public bool IsWhole => Chunks == new BlobTree(Size).Chunks;
}
