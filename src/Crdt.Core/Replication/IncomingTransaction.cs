namespace Crdt;

/// <summary>A client's transaction that is about to be applied.</summary>
/// <param name="Mutations">Its mutations, in order; at least one.</param>
/// <param name="Before">Reads an entity as it stands before; <see langword="null"/> when it never was.</param>
/// <param name="BuildsOnRefused">Whether it replaces something that was refused: its author may not know yet.</param>
public sealed record IncomingTransaction(
    IReadOnlyList<Mutation> Mutations, Func<EntityKey, Entity?> Before, bool BuildsOnRefused)
{
    /// <summary>Who wrote it.</summary>
    public ReplicaId Author => Mutations[0].Dot.Replica;

    /// <summary>Who was using the device; <see langword="null"/> when nobody was named.</summary>
    public string? User => Mutations[0].User;
}
