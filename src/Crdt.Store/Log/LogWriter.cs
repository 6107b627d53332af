namespace Crdt.Store.Log;

/// <summary>Group commit: one thread takes all appends that wait, writes them in one piece, flushes once, and only then
/// acknowledges them.</summary>
internal sealed class LogWriter : IDisposable
{
    private const int PoolLengthMax = 256;

    private readonly LogTail tail;
    private readonly LogOptions options;
    private readonly Thread thread;
    private readonly object gate = new();
    private readonly List<AppendRequest> burst = [];
    private readonly Stack<AppendRequest> pool = [];
    private readonly Queue<AppendRequest> waiting = [];

    private StoreException? fault;
    private bool isClosing;

    public LogWriter(LogTail tail, LogOptions options)
    {
        this.tail = tail;
        this.options = options;
        thread = new Thread(Run) { Name = "Crdt log writer", IsBackground = true };
        thread.Start();
    }

    public ValueTask<long> AppendAsync(in LogEntry entry, bool durable)
    {
        int length = CheckedLength(new ReadOnlySpan<LogEntry>(in entry));
        lock (gate)
        {
            AppendRequest request = Take();
            request.Set(entry, length, durable);
            return Enqueue(request);
        }
    }

    public ValueTask<long> AppendAsync(ReadOnlyMemory<LogEntry> entries, bool durable)
    {
        int length = CheckedLength(entries.Span);
        lock (gate)
        {
            AppendRequest request = Take();
            request.Set(entries, length, durable);
            return Enqueue(request);
        }
    }

    /// <summary>Completes when all that was appended before is durable.</summary>
    public ValueTask<long> SyncAsync()
    {
        lock (gate)
        {
            AppendRequest request = Take();
            request.Set(default(ReadOnlyMemory<LogEntry>), 0, durable: true);
            return Enqueue(request);
        }
    }

    public void Recycle(AppendRequest request)
    {
        lock (gate)
        {
            if (pool.Count < PoolLengthMax)
                pool.Push(request);
        }
    }

    /// <summary>Writes what waits, seals the log and ends the thread.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isClosing = true;
            Monitor.Pulse(gate);
        }
        if (thread != Thread.CurrentThread)
            thread.Join();
    }

    private int CheckedLength(ReadOnlySpan<LogEntry> entries)
    {
        if (entries.IsEmpty)
            throw new ArgumentException("Nothing to append.", nameof(entries));
        long length = GroupFormat.LengthOf(entries, options.Cipher);
        if (length > GroupFormat.GroupLengthBytesMax)
        {
            throw new ArgumentException(
                $"An append of {length} bytes exceeds the limit of {GroupFormat.GroupLengthBytesMax} bytes.",
                nameof(entries));
        }
        return (int)length;
    }

    private AppendRequest Take()
    {
        if (isClosing)
            throw new StoreException(StoreError.Closed, "The log was closed.");
        if (fault is not null)
            throw new StoreException(StoreError.Faulted, fault.Message, fault);
        return pool.TryPop(out AppendRequest? request) ? request : new AppendRequest(this);
    }

    private ValueTask<long> Enqueue(AppendRequest request)
    {
        waiting.Enqueue(request);
        if (waiting.Count == 1)
            Monitor.Pulse(gate);
        return request.Task;
    }

    private void Run()
    {
        while (TakeBurst())
        {
            if (burst.Count == 0)
            {
                SealIdle();
                continue;
            }
            Exception? failure = WriteBurst();
            foreach (AppendRequest request in burst)
            {
                if (failure is null)
                    request.Complete();
                else
                    request.Fail(failure);
            }
            burst.Clear();
        }

        try
        {
            tail.Flush();
            tail.SealTail();
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            // What was acknowledged as durable is; the seal only sharpens the next opening's judgement.
        }
    }

    /// <summary>Waits for appends, and takes them; takes none when there were none for long, and the end is to be
    /// sealed.</summary>
    private bool TakeBurst()
    {
        lock (gate)
        {
            while (waiting.Count == 0)
            {
                if (isClosing)
                    return false;
                if (options.SealAfter is not { } idle || fault is not null || !tail.NeedsSeal)
                    Monitor.Wait(gate);
                else if (!Monitor.Wait(gate, idle) && waiting.Count == 0 && !isClosing)
                    return true;
            }

            long length = 0;
            while (waiting.TryPeek(out AppendRequest? next)
                && (burst.Count == 0 || length + next.Length <= options.BurstLengthBytesMax))
            {
                length += next.Length;
                burst.Add(waiting.Dequeue());
            }
            return true;
        }
    }

    private void SealIdle()
    {
        try
        {
            tail.SealTail();
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e) || e is StoreException)
        {
            // Nobody waits for it. The next append opens the file anew, and tells its own caller what is wrong there.
            tail.Discard();
        }
    }

    private StoreException? WriteBurst()
    {
        if (fault is not null)
            return new StoreException(StoreError.Faulted, fault.Message, fault);

        bool durable = false;
        try
        {
            tail.Prepare();
            foreach (AppendRequest request in burst)
            {
                request.End = request.Length == 0
                    ? tail.WrittenEnd + tail.BufferedLength
                    : tail.Add(request.Entries.Span, request.Length);
                durable |= request.IsDurable;
            }
            tail.Write(durable);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e) || e is StoreException or OutOfMemoryException)
        {
            var failure = StoreException.FromWrite("Appending to the log", e);
            if (!tail.Discard())
            {
                lock (gate)
                {
                    fault = new StoreException(
                        StoreError.Faulted,
                        "A failed flush lost entries that had been accepted as not yet durable.",
                        e);
                }
            }
            return failure;
        }

        foreach (AppendRequest request in burst)
        {
            foreach (ref readonly LogEntry entry in request.Entries.Span)
                tail.Include(entry);
        }
        return null;
    }
}
