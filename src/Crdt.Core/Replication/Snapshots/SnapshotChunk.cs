namespace Crdt;

/// <summary>A chunk as the manifest names it.</summary>
/// <param name="Hash">SHA-256 of its stored bytes.</param>
/// <param name="LengthBytes">Their number.</param>
internal readonly record struct SnapshotChunk(ReadOnlyMemory<byte> Hash, int LengthBytes);
