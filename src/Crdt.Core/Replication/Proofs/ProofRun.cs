namespace Crdt;

/// <summary>A run of an author's log in a proof: from the hash before it to the head that its author has signed.</summary>
/// <param name="Author">Under which id it was written.</param>
/// <param name="First">Its first sequence.</param>
/// <param name="Before">The chain's hash before it, and behind that the signature there, if there is one.</param>
/// <param name="Last">Its last sequence.</param>
/// <param name="Signature">The author's signature over the head there.</param>
/// <param name="Batches">Its batches: whole, or only what stands for them.</param>
internal sealed record ProofRun(
    ReplicaId Author, long First, ReadOnlyMemory<byte> Before, long Last, ReadOnlyMemory<byte> Signature, IReadOnlyList<ProofBatch> Batches);

/// <summary>A batch in a proof.</summary>
/// <param name="Whole">Its stored bytes; empty where it is not about the entity.</param>
/// <param name="Hash">SHA-256 of them.</param>
/// <param name="Count">How many mutations it holds.</param>
internal readonly record struct ProofBatch(ReadOnlyMemory<byte> Whole, ReadOnlyMemory<byte> Hash, long Count);
