namespace Crdt.Testing;

/// <summary>One thing that happens in a <see cref="Schedule"/>. Replicas, entities and conflicts are counted modulo how
/// many there are.</summary>
public abstract record Step;
