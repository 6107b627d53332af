using System.Buffers;

namespace Crdt.Transport.Sessions;

/// <summary>Messages of a connection that have arrived: each space's are applied in order, and no space waits for another.
/// </summary>
/// <remarks>What waits is bounded: of a space by what it was granted, of all connections together by the
/// <see cref="ReceiveBudget"/>. Beyond that the connection is not read, as if nothing had come. One reader calls.</remarks>
internal sealed class Inbox(ReceiveBudget budget, int perSpaceLengthBytes, Func<SpaceSession, ReadOnlyMemory<byte>, ValueTask> apply)
{
    private readonly Lock gate = new();
    private readonly Wakeup room = new();
    private readonly Dictionary<SpaceSession, Waiting> waiting = [];

    /// <summary>Takes a message when there is room for it.</summary>
    /// <param name="session">Whose it is.</param>
    /// <param name="message">Copied before this completes.</param>
    /// <param name="cancellationToken">Gives up waiting for room.</param>
    public async ValueTask AddAsync(SpaceSession session, ReadOnlySequence<byte> message, CancellationToken cancellationToken)
    {
        int lengthBytes = (int)message.Length;
        while (!TryAdd(session, message, lengthBytes))
            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until everything that was taken is applied.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        while (!IsEmpty())
            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private bool IsEmpty()
    {
        lock (gate)
            return waiting.Count == 0;
    }

    private bool TryAdd(SpaceSession session, in ReadOnlySequence<byte> message, int lengthBytes)
    {
        lock (gate)
        {
            if (waiting.Count == 0)
            {
                budget.Take(lengthBytes);
            }
            else if ((waiting.TryGetValue(session, out Waiting? own) && own.LengthBytes + lengthBytes > perSpaceLengthBytes)
                || !budget.TryTake(lengthBytes))
            {
                return false;
            }
            byte[] copy = message.ToArray();
            if (!waiting.TryGetValue(session, out Waiting? queue))
            {
                waiting.Add(session, queue = new Waiting());
                _ = ApplyAsync(session, queue); // its failures are the caller's, in what it applies with
            }
            queue.Messages.Enqueue(copy);
            queue.LengthBytes += lengthBytes;
            return true;
        }
    }

    private async Task ApplyAsync(SpaceSession session, Waiting queue)
    {
        await Task.Yield();
        while (true)
        {
            byte[] message;
            lock (gate)
                message = queue.Messages.Peek();
            await apply(session, message).ConfigureAwait(false);
            budget.Return(message.Length);
            bool isLast;
            lock (gate)
            {
                queue.Messages.Dequeue();
                queue.LengthBytes -= message.Length;
                isLast = queue.Messages.Count == 0;
                if (isLast)
                    waiting.Remove(session);
            }
            room.Set();
            if (isLast)
                return;
        }
    }

    private sealed class Waiting
    {
        public Queue<byte[]> Messages { get; } = new();

        public long LengthBytes { get; set; }
    }
}
