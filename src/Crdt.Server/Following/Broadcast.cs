using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Crdt.Server.GraphQL;

namespace Crdt.Server.Following;

/// <summary>Hands each of some events to everybody who listens at that time. Who is too slow is let go, and told so: nobody's
/// slowness costs memory, and nobody misses an event without knowing.</summary>
internal sealed class Broadcast<T>(int waitingMax)
{
    private readonly Lock gate = new();
    private Channel<T>[] listeners = [];

    /// <summary>How many listen.</summary>
    public int Listeners => Volatile.Read(ref listeners).Length;

    public void Send(T happened)
    {
        foreach (Channel<T> listener in Volatile.Read(ref listeners))
        {
            if (listener.Writer.TryWrite(happened)) continue;
            listener.Writer.TryComplete(new ApiError(
                ApiErrorCode.TooSlow, $"More than {waitingMax} events waited to be taken. Ask for what was missed, and subscribe again."));
            Remove(listener);
        }
    }

    /// <summary>What happens from now on: listening begins with the call, not with the first step.</summary>
    public IAsyncEnumerable<T> Listen(CancellationToken cancellation)
    {
        Channel<T> mine = Channel.CreateBounded<T>(new BoundedChannelOptions(waitingMax) { SingleReader = true });
        lock (gate) Volatile.Write(ref listeners, [.. listeners, mine]);
        return ReadAsync(mine, cancellation);
    }

    private async IAsyncEnumerable<T> ReadAsync(Channel<T> mine, [EnumeratorCancellation] CancellationToken cancellation)
    {
        try
        {
            await foreach (T happened in mine.Reader.ReadAllAsync(cancellation)) yield return happened;
        }
        finally
        {
            Remove(mine);
        }
    }

    private void Remove(Channel<T> listener)
    {
        lock (gate) Volatile.Write(ref listeners, [.. listeners.Where(l => l != listener)]);
    }
}
