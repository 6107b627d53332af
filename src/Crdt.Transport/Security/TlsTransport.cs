using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Crdt.Transport.Connections;

namespace Crdt.Transport.Security;

/// <summary>TCP with TLS 1.3, where both sides prove which key they hold. Whether that key is welcome is decided with
/// the greeting, where a refusal can be told.</summary>
internal sealed class TlsTransport : IPeerTransport, IDisposable
{
    private readonly SslStreamCertificateContext certificate;
    private readonly StreamPurpose purpose;

    /// <param name="key">The own key; the caller keeps it.</param>
    /// <param name="purpose">What those who are dialled are asked for.</param>
    public TlsTransport(EcdsaNodeKey key, StreamPurpose purpose = StreamPurpose.Session)
    {
        certificate = NodeCertificate.Create(key);
        this.purpose = purpose;
    }

    public ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        Sockets.ConnectAsync(endPoint, loopbackOnly: false, socket => new TlsPeerStream(socket, certificate, purpose), cancellationToken);

    public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        new(new TcpPeerListener(
            Sockets.Listen(endPoint, loopbackOnly: false), socket => new TlsPeerStream(socket, certificate, dialled: null)));

    public void Dispose() => certificate.TargetCertificate.Dispose();
}
