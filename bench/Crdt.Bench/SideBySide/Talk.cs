using System.Buffers;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>What a session took, without frames.</summary>
/// <param name="Bytes">Of all messages, both ways.</param>
/// <param name="Messages">How many.</param>
internal readonly record struct Talk(long Bytes, int Messages)
{
    /// <summary>Both sides say everything: what leaves one arrives at the other at once.</summary>
    public static Talk Hold(Replica a, Replica b)
    {
        using SyncSession left = new(a), right = new(b);
        var buffer = new ArrayBufferWriter<byte>();
        long bytes = 0;
        int messages = 0;
        for (bool isMoving = true; isMoving;)
        {
            isMoving = false;
            foreach ((SyncSession from, SyncSession to) in new[] { (left, right), (right, left) })
            {
                while (Lab.Finish(from.WriteNextAsync(buffer, CancellationToken.None)))
                {
                    bytes += buffer.WrittenCount;
                    messages++;
                    isMoving = true;
                    Lab.Finish(to.ReceiveAsync(new ReadOnlySequence<byte>(buffer.WrittenMemory), CancellationToken.None));
                    buffer.ResetWrittenCount();
                }
            }
        }
        Field.Check(left.IsInSync && right.IsInSync);
        return new Talk(bytes, messages);
    }
}
