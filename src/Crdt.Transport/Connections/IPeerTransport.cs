using System.Net;

namespace Crdt.Transport.Connections;

/// <summary>Makes and takes byte streams between nodes. What it gives is ordered and reliable until it ends; whether
/// it can be trusted is a matter of the implementation.</summary>
/// <remarks>Failures are <see cref="WireException"/>; cancellation passes untouched.</remarks>
internal interface IPeerTransport
{
    /// <summary>Dials.</summary>
    /// <exception cref="WireException"><see cref="WireError.Unreachable"/>, or the address is refused.</exception>
    ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken);

    /// <summary>Listens; from the return on, those who dial are queued.</summary>
    /// <exception cref="WireException"><see cref="WireError.AddressUnavailable"/>, or the address is refused.
    /// </exception>
    ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken);
}
