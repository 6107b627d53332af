namespace Crdt.Tiles;

/// <summary>The bytes that a pack's name stands for now.</summary>
/// <param name="Tag">What tells these bytes from all others: a hash of them.</param>
/// <param name="Source">Where they are.</param>
public sealed record PackContent(string Tag, IPackSource Source);
