namespace Crdt.Store.LiteDb;

/// <summary>How far in the log a projection is.</summary>
/// <param name="Position">All before it is included, nothing behind it.</param>
/// <param name="Checkpoint">The replica's bookkeeping as of there.</param>
/// <param name="LogHash">Hash of the log's last bytes before it: tells a log with another history.</param>
internal sealed record ProjectionMark(LogPosition Position, byte[] Checkpoint, ulong LogHash)
{
    /// <summary>Version of how the projection is laid out. An earlier one is rebuilt, a later one refused.</summary>
    public const int FormatVersion = 1;

    public static readonly ProjectionMark None = new(default, [], 0);
}
