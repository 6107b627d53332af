namespace Crdt.Store.Log;

/// <summary>What a group says about itself.</summary>
/// <param name="Count">Number of its records; a seal, written at closing, has none.</param>
/// <param name="BodyLength">Bytes of its records.</param>
/// <param name="DurableEnd">All before this position was durable when the group was written.</param>
internal readonly record struct GroupHeader(int Count, int BodyLength, long DurableEnd);
