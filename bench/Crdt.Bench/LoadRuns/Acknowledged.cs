namespace Crdt.Bench.LoadRuns;

/// <summary>A mutation of which a client was told that a server holds it.</summary>
/// <param name="Server">Which server told so, or is replicated with.</param>
/// <param name="Key">The entity.</param>
/// <param name="Number">What it wrote: the client's count.</param>
/// <param name="RequestId">Under which it was sent; of a device with a replica none.</param>
/// <param name="Id">The mutation's own.</param>
/// <param name="Took">From its making to the word that it is held.</param>
/// <param name="IsUndisturbed">Whether it was answered at the first attempt.</param>
internal sealed record Acknowledged(int Server, EntityKey Key, long Number, Guid? RequestId, Guid Id, TimeSpan Took, bool IsUndisturbed);
