namespace Crdt;

/// <summary>An entity that changed.</summary>
/// <param name="Key">Which.</param>
/// <param name="Entity">As it is now; <see langword="null"/> when it is deleted.</param>
public sealed record EntityChange(EntityKey Key, Entity? Entity);
