namespace Crdt;

/// <summary>One step of a <see cref="FieldPath"/>.</summary>
/// <param name="Kind">What the name stands for.</param>
/// <param name="Name">1 to 255 bytes of UTF-8.</param>
public readonly record struct PathSegment(PathKind Kind, string Name);
