namespace Crdt.Bench.Workloads;

/// <summary>One write of a workload: a field of an entity, by number and by name.</summary>
public readonly record struct FieldWrite(int Entity, int Field, EntityKey Key, string Name, Value Value);
