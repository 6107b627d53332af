using System.Threading.Tasks.Sources;

namespace Crdt.Store.Log;

/// <summary>One waiting append; reused, so that appending allocates nothing.</summary>
internal sealed class AppendRequest : IValueTaskSource<long>
{
    private readonly LogWriter owner;
    private readonly LogEntry[] single = new LogEntry[1];
    private ManualResetValueTaskSourceCore<long> completion = new() { RunContinuationsAsynchronously = true };

    public AppendRequest(LogWriter owner) => this.owner = owner;

    public ReadOnlyMemory<LogEntry> Entries { get; private set; }

    /// <summary>The group's length in bytes.</summary>
    public int Length { get; private set; }

    public bool IsDurable { get; private set; }

    /// <summary>Position at which the group ends, once it has its place.</summary>
    public long End { get; set; }

    public ValueTask<long> Task => new(this, completion.Version);

    public void Set(in LogEntry entry, int length, bool durable)
    {
        single[0] = entry;
        Set(single, length, durable);
    }

    public void Set(ReadOnlyMemory<LogEntry> entries, int length, bool durable)
    {
        Entries = entries;
        Length = length;
        IsDurable = durable;
    }

    public void Complete() => completion.SetResult(End);

    public void Fail(Exception exception) => completion.SetException(exception);

    public long GetResult(short token)
    {
        try
        {
            return completion.GetResult(token);
        }
        finally
        {
            completion.Reset();
            Entries = default;
            single[0] = default;
            owner.Recycle(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => completion.GetStatus(token);

    public void OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        completion.OnCompleted(continuation, state, token, flags);
}
