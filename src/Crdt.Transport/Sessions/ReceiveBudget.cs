namespace Crdt.Transport.Sessions;

/// <summary>What all connections of a node together hold of messages that wait to be applied.</summary>
internal sealed class ReceiveBudget(long lengthBytesMax)
{
    private long lengthBytes;

    /// <summary>Takes room, if there is as much.</summary>
    public bool TryTake(int messageLengthBytes)
    {
        if (Interlocked.Add(ref lengthBytes, messageLengthBytes) <= lengthBytesMax)
            return true;
        Return(messageLengthBytes);
        return false;
    }

    /// <summary>Takes room for the one message that every connection may hold whatever the others do.</summary>
    public void Take(int messageLengthBytes) => Interlocked.Add(ref lengthBytes, messageLengthBytes);

    public void Return(int messageLengthBytes) => Interlocked.Add(ref lengthBytes, -messageLengthBytes);
}
