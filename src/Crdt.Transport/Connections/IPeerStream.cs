using System.IO.Pipelines;
using System.Net;

namespace Crdt.Transport.Connections;

/// <summary>One byte stream to another node. Disposing it closes both directions, what was flushed is still
/// delivered.</summary>
internal interface IPeerStream : IDuplexPipe, IAsyncDisposable
{
    EndPoint RemoteEndPoint { get; }

    /// <summary>The public key that the other side has proved to hold, once it is opened; empty where a stream proves
    /// nothing.</summary>
    ReadOnlyMemory<byte> PeerKey => default;

    /// <summary>What the dialler wants, once it is opened.</summary>
    StreamPurpose Purpose => StreamPurpose.Session;

    /// <summary>Does what has to be done before the first byte is sent or received, such as proving keys. Once.</summary>
    /// <exception cref="WireException">The two sides did not come to terms.</exception>
    ValueTask OpenAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Ends both directions at once: pending and later calls of both pipes fail. From any thread.</summary>
    void Abort();
}
