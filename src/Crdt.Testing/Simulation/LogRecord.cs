namespace Crdt.Testing.Simulation;

/// <summary>An entry of a log, shared by all the stores that hold it.</summary>
internal sealed class LogRecord(LogEntryKind kind, int author, ReplicaId authorId, long first, long last, byte[] payload)
{
    public LogEntryKind Kind { get; } = kind;

    /// <summary>Number of the author, in <see cref="SpaceHistory"/>.</summary>
    public int Author { get; } = author;

    public long First { get; } = first;

    public long Last { get; } = last;

    public byte[] Payload { get; } = payload;

    /// <summary>The entities that a batch changes, each once.</summary>
    public EntityHistory[] Touched { get; set; } = [];

    public LogEntry ToEntry() => new(Kind, authorId, First, Last, Payload);
}
