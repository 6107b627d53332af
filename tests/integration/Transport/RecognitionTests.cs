using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Security;
using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

/// <summary>Who is let in, who is not, and with which code: over real sockets and TLS.</summary>
public sealed class RecognitionTests
{
    [Fact]
    [Trait("Spec", "WF-6.9")]
    public async Task Enrolled_devices_replicate_and_know_each_others_key()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device tablet = await camp.EnrolAsync(office);
        PeerConnection connection = await Camp.MeetAsync(tablet, office);
        Assert.Equal(NodeFingerprint.Of(office.Key.PublicKey.Span), connection.PeerFingerprint);
        await Mesh.CommitAsync(tablet.Replica, "a");
        await Mesh.UntilAsync(() => Mesh.Read(office.Replica, "a") == "x", "the push");
        Assert.Equal(tablet.Key.PublicKey.ToArray(), office.Node.Connections.Single().PeerKey.ToArray());
    }

    [Theory]
    [Trait("Spec", "WF-6.10")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Devices_that_never_heard_of_each_other_show_their_certificates(bool farDials)
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), branch = await camp.BranchAsync();
        Camp.Device near = await camp.EnrolAsync(office), far = await camp.EnrolAsync(branch);
        await Camp.VisitAsync(near, office);
        await Camp.VisitAsync(far, branch);
        Assert.Equal(NodeStanding.Unknown, near.Replica.StandingOf(far.Key.PublicKey.Span));
        Assert.Equal(NodeStanding.Unknown, far.Replica.StandingOf(near.Key.PublicKey.Span));
        await Mesh.CommitAsync(far.Replica, "far");
        await Mesh.CommitAsync(near.Replica, "near");
        await (farDials ? Camp.VisitAsync(far, near) : Camp.VisitAsync(near, far));
        Assert.Equal("x", Mesh.Read(near.Replica, "far"));
        Assert.Equal("x", Mesh.Read(far.Replica, "near"));

        // One-sided: the office knows of the near one, and nothing of the far one.
        Assert.Equal(NodeStanding.Unknown, office.Replica.StandingOf(far.Key.PublicKey.Span));
        await (farDials ? Camp.VisitAsync(far, office) : Camp.VisitAsync(office, far));
        Assert.Equal("x", Mesh.Read(office.Replica, "far"));
    }

    [Fact]
    [Trait("Error", nameof(WireError.NotEnrolled))]
    public async Task A_device_that_is_not_enrolled_is_refused_whoever_dials()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), stranger = await camp.StrangerAsync();
        await Mesh.CommitAsync(office.Replica, "secret");
        WireException e = await Assert.ThrowsAsync<WireException>(() => Camp.MeetAsync(stranger, office));
        Assert.Equal((WireError.NotEnrolled, true), (e.Error, e.ByPeer));
        e = await Assert.ThrowsAsync<WireException>(() => Camp.MeetAsync(office, stranger));
        Assert.Equal((WireError.NotEnrolled, false), (e.Error, e.ByPeer));
        Assert.Null(Mesh.Read(stranger.Replica, "secret"));
        Assert.Empty(office.Node.Connections);
    }

    [Fact]
    [Trait("Spec", "WF-6.10")]
    public async Task A_certificate_of_somebody_elses_key_or_of_nobody_lets_nobody_in()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        using EcdsaNodeKey own = EcdsaSignatures.CreateKey(), others = EcdsaSignatures.CreateKey();
        Enrolment certified = camp.Certify(others);
        var forged = new Enrolment(Camp.NewId(), own.PublicKey, ReplicaRole.Client, null, new byte[64]);
        foreach (Enrolment? shown in (Enrolment?[])[certified, forged, null])
        {
            using var transport = new TlsTransport(own);
            await using RawPeer peer = await RawPeer.DialAsync(transport, office.Address);
            Hello answer = await peer.GreetAsync(RawPeer.Hello(office.Node));
            Assert.Equal([answer.Spaces.Single().Number], answer.Asks);
            await peer.SendAsync(frames => MessageFormat.WriteProof(frames, 0, shown));
            Assert.Equal(WireError.NotEnrolled, (await peer.ReadFarewellAsync(FrameType.Reject)).Error);
        }
    }

    [Fact]
    public async Task What_a_stranger_says_before_it_has_shown_an_enrolment_reaches_no_space()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        using var transport = new TlsTransport(key);
        await using RawPeer peer = await RawPeer.DialAsync(transport, office.Address);
        await peer.GreetAsync(RawPeer.Hello(office.Node));
        await peer.SendAsync(FrameType.Data, 0x00, 0xC1); // nonsense to any session
        await peer.SendAsync(frames => MessageFormat.WriteProof(frames, 0, camp.Certify(key)));
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 5));
        await peer.ReadAsync(FrameType.Pong);
        Assert.Single(office.Node.Connections);
    }

    [Fact]
    public async Task A_revocation_ends_the_live_session_and_the_device_is_refused_from_then_on()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device tablet = await camp.EnrolAsync(office), other = await camp.EnrolAsync(office);
        await Camp.VisitAsync(other, office);
        PeerConnection connection = await Camp.MeetAsync(tablet, office);
        await Mesh.CommitAsync(tablet.Replica, "before");
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);

        await office.Replica.FenceAsync(tablet.Replica.Id, FenceReason.Revoked);
        CloseReason reason = await connection.Completion.WaitAsync(Mesh.Deadline);
        Assert.Equal((WireError.KeyRevoked, true), (reason.Error, reason.ByPeer));
        Assert.Equal(SyncErrorClass.Authorisation, reason.Class);
        WireException e = await Assert.ThrowsAsync<WireException>(() => Camp.MeetAsync(tablet, office));
        Assert.Equal((WireError.KeyRevoked, true), (e.Error, e.ByPeer));
        e = await Assert.ThrowsAsync<WireException>(() => Camp.MeetAsync(office, tablet));
        Assert.Equal((WireError.KeyRevoked, false), (e.Error, e.ByPeer));

        // It spreads with the data: whoever has met the office refuses the device, too.
        await Camp.VisitAsync(other, office);
        e = await Assert.ThrowsAsync<WireException>(() => Camp.MeetAsync(tablet, other));
        Assert.Equal((WireError.KeyRevoked, true), (e.Error, e.ByPeer));
        Assert.Equal("x", Mesh.Read(other.Replica, "before"));
    }

    [Fact]
    [Trait("Error", nameof(SyncError.WrongPeer))]
    public async Task A_peer_that_presents_anothers_replica_id_is_refused()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device victim = await camp.EnrolAsync(office);
        foreach (ReplicaId presented in (ReplicaId[])[victim.Replica.Id, office.Replica.Id])
        {
            Camp.Device member = await camp.EnrolAsync(office);
            using var transport = new TlsTransport(member.Key);
            await using RawPeer peer = await RawPeer.DialAsync(transport, office.Address);
            await peer.GreetAsync(RawPeer.Hello(office.Node));
            await peer.SendAsync(frames =>
            {
                MessageFormat.BeginData(frames, 0);
                new SyncMessageCodec().Write(frames, new HaveMessage(
                    presented, ReplicaRole.Client, DateTimeOffset.UtcNow, new byte[HaveMessage.HeadsHashLengthBytes], new byte[HaveMessage.StatementsHashLengthBytes]));
                frames.Commit();
            });
            Assert.Equal(WireError.WrongIdentity, (await peer.ReadFarewellAsync(FrameType.Bye)).Error);
        }
        // Nor did it make the office believe that its own id is in use twice.
        Assert.Empty(office.Replica.Forks);
        await Camp.VisitAsync(victim, office);
        await Mesh.UntilAsync(() => office.Node.Penalties.Count > 0, "who lied is refused for a while");
        Assert.DoesNotContain(office.Node.Penalties, p => p.Peer == NodeFingerprint.Of(victim.Key.PublicKey.Span).Short);
    }

    [Fact]
    public async Task A_member_that_calls_itself_like_another_node_does_not_displace_its_connection()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device victim = await camp.EnrolAsync(office);
        Camp.Device member = await camp.EnrolAsync(office, new PeerNodeOptions { NodeId = victim.Node.NodeId });
        PeerConnection kept = await Camp.MeetAsync(victim, office);
        await Camp.MeetAsync(member, office);
        Assert.Equal(2, office.Node.Connections.Count);
        Assert.False(kept.Completion.IsCompleted);
    }

    [Fact]
    [Trait("Error", nameof(WireError.TlsFailed))]
    public async Task Without_encryption_nothing_is_said_at_a_port_with_and_the_other_way_round()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), tablet = await camp.EnrolAsync(office);
        await using var plain = new PeerNode(new PeerNodeOptions { IsPlain = true });
        plain.Add(tablet.Replica);
        Task<PeerNodeEvent> refused = NextRefusalAsync(office.Node);
        await Assert.ThrowsAsync<WireException>(async () => await plain.ConnectAsync(office.Address));
        Assert.Equal(WireError.TlsFailed, (await refused.WaitAsync(Mesh.Deadline)).Error);

        IPEndPoint address = await plain.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0));
        WireException e = await Assert.ThrowsAsync<WireException>(async () => await office.Node.ConnectAsync(address));
        Assert.Equal(WireError.TlsFailed, e.Error);
        Assert.Empty(plain.Connections);
    }

    [Fact]
    public async Task Who_does_not_finish_the_handshake_is_dropped_at_the_deadline()
    {
        await using var camp = new Camp();
        var quick = new PeerNodeOptions { HandshakeTimeout = TimeSpan.FromSeconds(2) };
        Camp.Device office = await camp.OfficeAsync(quick);
        Task<PeerNodeEvent> refused = NextRefusalAsync(office.Node);
        using (var silent = new TcpClient())
        {
            await silent.ConnectAsync(office.Address);
            Assert.Equal(WireError.HandshakeTimeout, (await refused.WaitAsync(Mesh.Deadline)).Error);
        }

        // TLS alone is no greeting, nor is a greeting an enrolment.
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        using var transport = new TlsTransport(key);
        refused = NextRefusalAsync(office.Node);
        await using RawPeer peer = await RawPeer.DialAsync(transport, office.Address);
        await peer.GreetAsync(RawPeer.Hello(office.Node));
        Assert.Equal(WireError.HandshakeTimeout, (await refused.WaitAsync(Mesh.Deadline)).Error);
    }

    [Fact]
    public async Task Strangers_occupy_no_more_than_their_share()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(new PeerNodeOptions { HandshakesPerAddressMax = 2 });
        using var first = new TcpClient();
        using var second = new TcpClient();
        using var third = new TcpClient();
        await first.ConnectAsync(office.Address);
        await second.ConnectAsync(office.Address);
        await Mesh.UntilAsync(() => office.Node.HandshakesInProgress == 2, "both are taken");
        Task<PeerNodeEvent> refused = NextRefusalAsync(office.Node);
        await third.ConnectAsync(office.Address);
        Assert.Equal(WireError.TooManyConnections, (await refused.WaitAsync(Mesh.Deadline)).Error);
        Assert.Equal(0, await third.GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(Mesh.Deadline));
    }

    [Fact]
    [Trait("Spec", "WF-6.9")]
    public async Task A_certificate_counts_by_its_key_alone_whatever_its_times_and_names_say()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device tablet = await camp.EnrolAsync(office);
        using ECDsa key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(tablet.Key.ExportPkcs8(), out _);
        var request = new CertificateRequest("CN=somebody else", key, HashAlgorithmName.SHA256);
        DateTimeOffset year = new(2001, 1, 1, 0, 0, 0, TimeSpan.Zero);
        await ConnectAsync(office, tablet, request.CreateSelfSigned(year, year.AddDays(1)));
    }

    [Fact]
    public async Task A_key_of_another_kind_is_refused()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), tablet = await camp.EnrolAsync(office);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var request = new CertificateRequest("CN=x", key, HashAlgorithmName.SHA256);
        Task<PeerNodeEvent> refused = NextRefusalAsync(office.Node);
        await Assert.ThrowsAsync<WireException>(() => ConnectAsync(
            office, tablet, request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1))));
        Assert.Equal(WireError.TlsFailed, (await refused.WaitAsync(Mesh.Deadline)).Error);
    }

    [Fact]
    public async Task A_node_without_a_key_says_so_and_an_open_space_has_no_place_on_one_with_a_key()
    {
        Assert.Throws<ArgumentException>(() => new PeerNode());
        Assert.Throws<ArgumentException>(() => new PeerNode(new PeerNodeOptions { IsPlain = true, Key = EcdsaSignatures.CreateKey() }));
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        await using Mesh open = new(new MemoryTransport());
        Replica replica = await open.ReplicaAsync();
        Assert.Throws<InvalidOperationException>(() => office.Node.Add(replica));
    }

    private static async Task ConnectAsync(Camp.Device office, Camp.Device tablet, X509Certificate2 shown)
    {
        await using var node = new PeerNode(new PeerNodeOptions
        {
            Transport = new Disguised(SslStreamCertificateContext.Create(shown, null, offline: true)),
        });
        node.Add(tablet.Replica);
        PeerConnection connection = await node.ConnectAsync(office.Address);
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        await Mesh.UntilAsync(() => office.Node.Connections.Count == 1, "it is let in");
        Assert.Equal(tablet.Key.PublicKey.ToArray(), office.Node.Connections.Single().PeerKey.ToArray());
    }

    private static Task<PeerNodeEvent> NextRefusalAsync(PeerNode node)
    {
        var next = new TaskCompletionSource<PeerNodeEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        node.EventOccurred += (_, happened) =>
        {
            if (happened.Kind == PeerNodeEventKind.Refused) next.TrySetResult(happened);
        };
        return next.Task;
    }

    /// <summary>TLS with a certificate of the test's own.</summary>
    private sealed class Disguised(SslStreamCertificateContext certificate) : IPeerTransport
    {
        public ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
            Sockets.ConnectAsync(endPoint, false, socket => new TlsPeerStream(socket, certificate, StreamPurpose.Session), cancellationToken);

        public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
