using System.IO.Pipelines;
using System.Net;

namespace Crdt.Transport.Connections;

/// <summary>One byte stream to another node. Disposing it closes both directions, what was flushed is still
/// delivered.</summary>
internal interface IPeerStream : IDuplexPipe, IAsyncDisposable
{
    EndPoint RemoteEndPoint { get; }

    /// <summary>Ends both directions at once: pending and later calls of both pipes fail. From any thread.</summary>
    void Abort();
}
