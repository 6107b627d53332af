using System.IO.Pipelines;
using System.Net;
using Crdt.Transport.Connections;

namespace Crdt.Integration.Transport;

/// <summary>Another transport with faults: a stream is reset when so many bytes were sent over it, or goes dead
/// without a sign.</summary>
internal sealed class FaultyTransport(IPeerTransport inner) : IPeerTransport
{
    private readonly List<FaultyStream> streams = [];

    /// <summary>The streams that begin from now on are reset when this side has sent so many bytes.</summary>
    public long? CutAfterBytes { get; set; }

    /// <summary>From now on nothing that is sent arrives, also no end, and nobody is told. For streams in memory.</summary>
    public bool IsFrozen { get; set; }

    public async ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        Wrap(await inner.ConnectAsync(endPoint, cancellationToken));

    public async ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        new FaultyListener(this, await inner.ListenAsync(endPoint, cancellationToken));

    /// <summary>Resets every stream there is.</summary>
    public void CutAll()
    {
        FaultyStream[] all;
        lock (streams)
            all = [.. streams];
        foreach (FaultyStream stream in all)
            stream.Abort();
    }

    private FaultyStream Wrap(IPeerStream stream)
    {
        var faulty = new FaultyStream(this, stream, CutAfterBytes ?? long.MaxValue);
        lock (streams)
            streams.Add(faulty);
        return faulty;
    }

    private sealed class FaultyListener(FaultyTransport transport, IPeerListener inner) : IPeerListener
    {
        public EndPoint LocalEndPoint => inner.LocalEndPoint;

        public async ValueTask<IPeerStream?> AcceptAsync(CancellationToken cancellationToken) =>
            await inner.AcceptAsync(cancellationToken) is { } stream ? transport.Wrap(stream) : null;

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class FaultyStream : IPeerStream
    {
        private readonly FaultyTransport transport;
        private readonly IPeerStream inner;
        private readonly FaultyReader input;

        public FaultyStream(FaultyTransport transport, IPeerStream inner, long bytesLeft)
        {
            (this.transport, this.inner) = (transport, inner);
            input = new FaultyReader(transport, inner.Input);
            Output = new FaultyWriter(transport, inner, bytesLeft);
        }

        public PipeReader Input => input;

        public PipeWriter Output { get; }

        public EndPoint RemoteEndPoint => inner.RemoteEndPoint;

        public void Abort()
        {
            if (transport.IsFrozen)
                input.Abort();
            else
                inner.Abort();
        }

        // What the other side would notice does not reach it either; the memory is given up with both.
        public ValueTask DisposeAsync() => transport.IsFrozen ? ValueTask.CompletedTask : inner.DisposeAsync();
    }

    private sealed class FaultyReader(FaultyTransport transport, PipeReader inner) : PipeReader
    {
        private readonly TaskCompletionSource aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Abort()
        {
            aborted.TrySetResult();
            inner.CancelPendingRead();
        }

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            ReadResult result = await inner.ReadAsync(cancellationToken);
            if (!transport.IsFrozen)
                return result;
            inner.AdvanceTo(result.Buffer.End);
            await aborted.Task.WaitAsync(cancellationToken);
            throw new IOException("The stream was reset.");
        }

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);
    }

    private sealed class FaultyWriter(FaultyTransport transport, IPeerStream inner, long bytesLeft) : PipeWriter
    {
        public override async ValueTask<FlushResult> WriteAsync(
            ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            if (transport.IsFrozen)
                return default;
            if (source.Length < bytesLeft)
            {
                bytesLeft -= source.Length;
                return await inner.Output.WriteAsync(source, cancellationToken);
            }
            if (bytesLeft > 0)
                await inner.Output.WriteAsync(source[..(int)bytesLeft], cancellationToken);
            inner.Abort();
            throw new IOException("The cable was cut.");
        }

        public override void Advance(int bytes) => inner.Output.Advance(bytes);

        public override void CancelPendingFlush() => inner.Output.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Output.Complete(exception);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            inner.Output.FlushAsync(cancellationToken);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.Output.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.Output.GetSpan(sizeHint);
    }
}
