using System.Net;

namespace Crdt.Transport.Connections;

/// <summary>Takes those who dial; disposing it ends that, and leaves the streams it gave alone.</summary>
internal interface IPeerListener : IAsyncDisposable
{
    /// <summary>Where it listens, with the port the system chose.</summary>
    EndPoint LocalEndPoint { get; }

    /// <summary>Waits for the next who dials.</summary>
    /// <returns><see langword="null"/> once it is disposed.</returns>
    /// <exception cref="WireException">This one could not be taken, for want of resources: try again later.
    /// </exception>
    ValueTask<IPeerStream?> AcceptAsync(CancellationToken cancellationToken);
}
