using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Crdt.Transport;
using Crdt.Transport.Connections;

namespace Crdt.Integration.Transport;

/// <summary>Streams within the process, between addresses that are mere ports.</summary>
internal sealed class MemoryTransport : IPeerTransport
{
    private readonly ConcurrentDictionary<int, Listener> listeners = new();
    private int lastPort = 40_000;

    public ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!listeners.TryGetValue(((IPEndPoint)endPoint).Port, out Listener? listener))
            throw new WireException(WireError.Unreachable, $"Nobody listens at {endPoint}.");
        var forth = new Pipe();
        var back = new Pipe();
        EndPoint own = new IPEndPoint(IPAddress.Loopback, Interlocked.Increment(ref lastPort));
        if (!listener.Waiting.Writer.TryWrite(new Stream(forth.Reader, back.Writer, own)))
            throw new WireException(WireError.Unreachable, $"Nobody listens at {endPoint} any more.");
        return new ValueTask<IPeerStream>(new Stream(back.Reader, forth.Writer, endPoint));
    }

    public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        var address = (IPEndPoint)endPoint;
        int port = address.Port == 0 ? Interlocked.Increment(ref lastPort) : address.Port;
        var listener = new Listener(this, new IPEndPoint(address.Address, port));
        if (!listeners.TryAdd(port, listener))
            throw new WireException(WireError.AddressUnavailable, $"{endPoint} is taken.");
        return new ValueTask<IPeerListener>(listener);
    }

    private sealed class Listener(MemoryTransport transport, IPEndPoint address) : IPeerListener
    {
        public Channel<IPeerStream> Waiting { get; } = Channel.CreateUnbounded<IPeerStream>();

        public EndPoint LocalEndPoint => address;

        public async ValueTask<IPeerStream?> AcceptAsync(CancellationToken cancellationToken)
        {
            while (await Waiting.Reader.WaitToReadAsync(cancellationToken))
            {
                if (Waiting.Reader.TryRead(out IPeerStream? stream))
                    return stream;
            }
            return null;
        }

        public ValueTask DisposeAsync()
        {
            transport.listeners.TryRemove(address.Port, out _);
            Waiting.Writer.TryComplete();
            return ValueTask.CompletedTask;
        }
    }

    // Completing a pipe's reader while a read is pending is not allowed, so an abort fails the writers and lets what
    // waits here go; the reader is completed when the stream is disposed.
    private sealed class Stream(PipeReader input, PipeWriter output, EndPoint remote) : IPeerStream
    {
        private readonly AbortableReader reader = new(input);

        public PipeReader Input => reader;

        public PipeWriter Output => output;

        public EndPoint RemoteEndPoint => remote;

        public void Abort()
        {
            var reset = new IOException("The stream was reset.");
            output.Complete(reset);
            output.CancelPendingFlush();
            reader.Abort(reset);
        }

        public async ValueTask DisposeAsync()
        {
            await output.CompleteAsync();
            await input.CompleteAsync();
        }
    }

    private sealed class AbortableReader(PipeReader inner) : PipeReader
    {
        private volatile IOException? aborted;

        public void Abort(IOException reason)
        {
            aborted = reason;
            inner.CancelPendingRead();
        }

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            if (aborted is { } before)
                throw before;
            ReadResult result = await inner.ReadAsync(cancellationToken);
            if (aborted is not { } reason)
                return result;
            inner.AdvanceTo(result.Buffer.End);
            throw reason;
        }

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) =>
            inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);
    }
}
