using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;

namespace Crdt.Transport.Security;

/// <summary>A connected socket under TLS 1.3. Names and times of certificates are not looked at, the keys are: each side
/// proves that it holds the private part of the one it shows.</summary>
internal sealed class TlsPeerStream : IPeerStream
{
    private static readonly SslApplicationProtocol SessionProtocol = new("crdt/1");
    private static readonly SslApplicationProtocol PairingProtocol = new("crdt-pair/1");

    private readonly PeerSocket socket;
    private readonly SslStream tls;
    private readonly SslStreamCertificateContext certificate;
    private readonly StreamPurpose? dialled;
    private byte[]? peerKey;
    private PipeReader? input;
    private PipeWriter? output;

    /// <param name="socket">Connected; owned from here on.</param>
    /// <param name="certificate">The own one.</param>
    /// <param name="dialled">What this side dialled for; <see langword="null"/> if the other side dialled.</param>
    public TlsPeerStream(Socket socket, SslStreamCertificateContext certificate, StreamPurpose? dialled)
    {
        this.socket = new PeerSocket(socket);
        this.certificate = certificate;
        this.dialled = dialled;
        Purpose = dialled ?? StreamPurpose.Session;
        tls = new SslStream(this.socket.Stream, leaveInnerStreamOpen: true);
    }

    public PipeReader Input => input ?? throw NotOpened();

    public PipeWriter Output => output ?? throw NotOpened();

    public EndPoint RemoteEndPoint => socket.RemoteEndPoint;

    public ReadOnlyMemory<byte> PeerKey => peerKey;

    public StreamPurpose Purpose { get; private set; }

    public async ValueTask OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (dialled is { } purpose)
                await tls.AuthenticateAsClientAsync(ClientOptions(purpose), cancellationToken).ConfigureAwait(false);
            else
                await tls.AuthenticateAsServerAsync(ServerOptions(), cancellationToken).ConfigureAwait(false);
        }
        catch (AuthenticationException e)
        {
            throw new WireException(
                WireError.TlsFailed,
                $"{RemoteEndPoint} does not speak TLS 1.3, or shows no key of the kind that nodes have: {e.Message}", e);
        }
        catch (Exception e) when (FramedConnection.IsLoss(e) && !cancellationToken.IsCancellationRequested)
        {
            throw new WireException(
                WireError.Lost, $"{RemoteEndPoint} ended the connection while keys were being proved: {e.Message}", e);
        }
        if (peerKey is null)
            throw new WireException(WireError.TlsFailed, $"{RemoteEndPoint} shows no key of the kind that nodes have.");
        if (dialled is null && tls.NegotiatedApplicationProtocol == PairingProtocol)
            Purpose = StreamPurpose.Pairing;
        input = PipeReader.Create(tls, PeerSocket.ReaderOptions);
        output = PipeWriter.Create(tls, PeerSocket.WriterOptions);
    }

    public void Abort() => socket.Abort();

    public async ValueTask DisposeAsync()
    {
        if (output is not null)
            await output.CompleteAsync().ConfigureAwait(false);
        if (input is not null)
            await input.CompleteAsync().ConfigureAwait(false);
        // No farewell of TLS: that of the session tells a whole stream from one that was cut off.
        await tls.DisposeAsync().ConfigureAwait(false);
        await socket.DisposeAsync().ConfigureAwait(false);
    }

    private SslClientAuthenticationOptions ClientOptions(StreamPurpose purpose) => new()
    {
        TargetHost = string.Empty,
        ClientCertificateContext = certificate,
        ApplicationProtocols = [purpose == StreamPurpose.Pairing ? PairingProtocol : SessionProtocol],
        EnabledSslProtocols = SslProtocols.Tls13,
        // A ticket would let a key in without showing it again.
        AllowTlsResume = false,
        AllowRenegotiation = false,
        CertificateChainPolicy = NoChain(),
        RemoteCertificateValidationCallback = TakeKey,
    };

    private SslServerAuthenticationOptions ServerOptions() => new()
    {
        ServerCertificateContext = certificate,
        ClientCertificateRequired = true,
        ApplicationProtocols = [SessionProtocol, PairingProtocol],
        EnabledSslProtocols = SslProtocols.Tls13,
        AllowTlsResume = false,
        AllowRenegotiation = false,
        CertificateChainPolicy = NoChain(),
        RemoteCertificateValidationCallback = TakeKey,
    };

    // No authority stands behind these certificates, and nothing is to be asked of the network about them.
    private static X509ChainPolicy NoChain() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    private bool TakeKey(object sender, X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        peerKey = NodeCertificate.KeyOf(shown);
        return peerKey is not null;
    }

    private InvalidOperationException NotOpened() => new($"The stream to {RemoteEndPoint} is not open.");
}
