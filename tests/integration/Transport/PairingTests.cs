using System.Buffers;
using System.Net;
using Crdt.Integration.Discovery;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Discovery;
using Crdt.Transport.Frames;
using Crdt.Transport.Pairing;
using Crdt.Transport.Security;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Integration.Transport;

/// <summary>How devices get into a space, and how nobody else does: over real sockets and TLS.</summary>
public sealed class PairingTests : IDisposable
{
    private readonly MemoryPairingBook book = new();
    private readonly EcdsaNodeKey key = EcdsaSignatures.CreateKey();
    private readonly EcdsaNodeKey otherKey = EcdsaSignatures.CreateKey();
    private readonly ReplicaId id = Camp.NewId();

    public void Dispose()
    {
        key.Dispose();
        otherKey.Dispose();
    }

    [Fact]
    [Trait("Spec", "WF-10.2")]
    public async Task An_invitation_lets_a_device_in_and_it_gets_its_copy_of_the_space()
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        await Mesh.CommitAsync(office.Replica, "old");
        PairingInvitation invitation = Invite(office, ReplicaRole.Client, "ann");
        Assert.True(PairingInvitation.TryParse($" {invitation}\n", out PairingInvitation? read));
        PairingGrant grant = await PairingApplicant.ApplyAsync(read!, key, id, "tablet 7");
        Assert.Equal((id, ReplicaRole.Client, "ann"), (grant.Enrolment.Replica, grant.Enrolment.Role, grant.Enrolment.Owner));
        Camp.Device tablet = await camp.BeginAsync(grant, key);
        await Camp.VisitAsync(tablet, office);
        Assert.Equal("x", Mesh.Read(tablet.Replica, "old"));
        await Mesh.CommitAsync(tablet.Replica, "new");
        await Camp.VisitAsync(tablet, office);
        Assert.Equal("x", Mesh.Read(office.Replica, "new"));
        Assert.Equal("ann", office.Replica.Enrolments.Single(e => e.Replica == id).Owner);
    }

    [Fact]
    [Trait("Error", nameof(WireError.TokenUsed))]
    public async Task An_invitation_is_good_for_one_device_and_tells_that_one_the_same_again()
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        PairingInvitation invitation = Invite(office);
        PairingGrant first = await PairingApplicant.ApplyAsync(invitation, key, id, "");
        PairingGrant again = await PairingApplicant.ApplyAsync(invitation, key, id, "");
        Assert.Equal(first.Enrolment.Certificate.ToArray(), again.Enrolment.Certificate.ToArray());
        await AssertRefusedAsync(WireError.TokenUsed, invitation, otherKey);
        Assert.DoesNotContain(office.Replica.Enrolments, e => e.PublicKey.Span.SequenceEqual(otherKey.PublicKey.Span));
    }

    [Fact]
    [Trait("Error", nameof(WireError.TokenExpired))]
    public async Task An_invitation_ends_when_it_says()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book, time);
        PairingInvitation invitation = Invite(office, expires: time.GetUtcNow().AddMinutes(10));
        time.Advance(TimeSpan.FromMinutes(10));
        await AssertRefusedAsync(WireError.TokenExpired, invitation, key);
    }

    [Fact]
    [Trait("Error", nameof(WireError.WrongToken))]
    [Trait("Error", nameof(WireError.TooManyAttempts))]
    public async Task Wrong_tokens_are_refused_and_after_many_there_are_no_more_attempts_for_a_while()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book, time);
        PairingInvitation good = Invite(office, expires: time.GetUtcNow().AddHours(1));
        for (int i = 0; i < PairingDesk.WrongTokensMax; i++)
            await AssertRefusedAsync(WireError.WrongToken, good with { Token = PairingInvitation.NewToken() }, otherKey);
        await AssertRefusedAsync(WireError.TooManyAttempts, good, key);
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(id, (await PairingApplicant.ApplyAsync(good, key, id, "")).Enrolment.Replica);
    }

    [Fact]
    [Trait("Error", nameof(WireError.WrongIdentity))]
    public async Task Who_answers_in_place_of_the_inviting_device_learns_no_token()
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        PairingInvitation invitation = Invite(office);
        await using var middle = new Middle();
        Task<PairMessage?> heard = middle.HearAsync();
        WireException e = await Assert.ThrowsAsync<WireException>(() => PairingApplicant.ApplyAsync(
            invitation with { Addresses = [middle.Address] }, key, id, ""));
        Assert.Equal((WireError.WrongIdentity, false), (e.Error, e.ByPeer));
        Assert.Null(await heard.WaitAsync(Mesh.Deadline));
    }

    [Fact]
    [Trait("Error", nameof(WireError.PairingClosed))]
    public async Task Where_nobody_is_invited_nobody_is_let_in()
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        var invitation = new PairingInvitation(
            NodeFingerprint.Of(office.Key.PublicKey.Span), PairingInvitation.NewToken(), [office.Address], DateTimeOffset.MaxValue);
        await AssertRefusedAsync(WireError.PairingClosed, invitation, key);
        WireException e = await Assert.ThrowsAsync<WireException>(() => CodeAsync(office, (_, _) => ValueTask.FromResult(true)));
        Assert.Equal((WireError.PairingClosed, true), (e.Error, e.ByPeer));

        Camp.Device branch = await camp.BranchAsync(); // has no desk
        await AssertRefusedAsync(WireError.PairingClosed, invitation with
        {
            Node = NodeFingerprint.Of(branch.Key.PublicKey.Span),
            Addresses = [branch.Address],
        }, key);
    }

    [Fact]
    [Trait("Error", nameof(WireError.KeyRevoked))]
    public async Task A_revoked_key_is_let_in_by_no_invitation()
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        await PairingApplicant.ApplyAsync(Invite(office), key, id, "");
        await office.Replica.FenceAsync(id, FenceReason.Revoked);
        WireException e = await Assert.ThrowsAsync<WireException>(
            () => PairingApplicant.ApplyAsync(Invite(office), key, Camp.NewId(), ""));
        Assert.Equal((WireError.KeyRevoked, true), (e.Error, e.ByPeer));
    }

    [Fact]
    [Trait("Spec", "WF-10.3")]
    public async Task Two_people_who_see_the_same_code_let_a_device_in()
    {
        await using var camp = new Camp();
        (Camp.Device office, PairingDesk desk) = await camp.OfficeWithDeskAsync(book);
        PairingCode? here = null, there = null;
        desk.OfferCode(ReplicaRole.Client, "ben", (code, _) =>
        {
            here = code;
            return ValueTask.FromResult(true);
        });
        PairingGrant grant = await CodeAsync(office, (code, _) =>
        {
            there = code;
            return ValueTask.FromResult(true);
        });
        Assert.Matches("^[0-9]{6}$", here!.Digits);
        Assert.Equal(here.Digits, there!.Digits);
        Assert.Equal(("tablet", NodeFingerprint.Of(key.PublicKey.Span)), (here.Name, here.Peer));
        Assert.Equal("ben", grant.Enrolment.Owner);
        await Camp.VisitAsync(await camp.BeginAsync(grant, key), office);

        // It was for one.
        WireException e = await Assert.ThrowsAsync<WireException>(() => CodeAsync(office, (_, _) => ValueTask.FromResult(true)));
        Assert.Equal(WireError.PairingClosed, e.Error);
    }

    [Fact]
    [Trait("Spec", "WF-11.2")]
    public async Task Who_waits_for_a_device_is_found_without_an_address_and_of_several_all()
    {
        await using var camp = new Camp();
        (Camp.Device office, PairingDesk desk) = await camp.OfficeWithDeskAsync(book);
        desk.OfferCode(ReplicaRole.Client, null, (_, _) => ValueTask.FromResult(true));
        var bus = new MemoryDiscovery.Bus();
        await using MemoryDiscovery here = new(bus), there = new(bus), rival = new(bus), odd = new(bus);
        TimeSpan soon = TimeSpan.FromMilliseconds(50);
        Assert.Empty(await PairingCall.FindAsync(there, soon, soon));
        await odd.AdvertiseAsync(PairingCall.Of(office.Address) with { Properties = new Dictionary<string, string> { ["v"] = "2" } });
        Assert.Empty(await PairingCall.FindAsync(there, soon, soon));

        PeerAdvertisement first = PairingCall.Of(office.Address);
        Assert.NotEqual(first.Instance, PairingCall.Of(office.Address).Instance);
        Assert.DoesNotContain(NodeFingerprint.Of(office.Key.PublicKey.Span).ToString()[..8], first.Instance);
        await here.AdvertiseAsync(first);
        (EndPoint found, IReadOnlyList<IPEndPoint> addresses) = Assert.Single(await PairingCall.FindAsync(there, Mesh.Deadline, soon));
        Assert.Equal([office.Address], addresses);
        PairingGrant grant = await PairingApplicant.ApplyAsync(found, key, id, "tablet", (_, _) => ValueTask.FromResult(true));
        Assert.Equal(id, grant.Enrolment.Replica);

        await rival.AdvertiseAsync(PairingCall.Of(new IPEndPoint(IPAddress.Loopback, 1)));
        Assert.Equal(2, (await PairingCall.FindAsync(there, Mesh.Deadline, soon)).Count);
        await rival.WithdrawAsync();
        for (int i = 0; i < 20; i++)
            bus.Tell(i, new DiscoveredPeer($"flood {i}", [office.Address], first.Properties));
        Assert.Equal(16, (await PairingCall.FindAsync(there, Mesh.Deadline, soon)).Count);
    }

    [Fact]
    [Trait("Error", nameof(WireError.CodeDeclined))]
    public async Task Whoever_declines_ends_it_for_both_and_after_three_times_there_are_no_more_attempts_for_a_while()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var camp = new Camp();
        (Camp.Device office, PairingDesk desk) = await camp.OfficeWithDeskAsync(book, time);
        desk.OfferCode(ReplicaRole.Client, null, (_, _) => ValueTask.FromResult(false));
        WireException e = await Assert.ThrowsAsync<WireException>(() => CodeAsync(office, (_, _) => ValueTask.FromResult(true)));
        Assert.Equal((WireError.CodeDeclined, true), (e.Error, e.ByPeer));

        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        desk.OfferCode(ReplicaRole.Client, null, async (_, stop) =>
        {
            // A person who is still looking: asked no more when the other side has gone.
            await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => gone.SetResult(), TaskScheduler.Default);
            return false;
        });
        for (int i = 1; i < PairingDesk.CodesRefusedMax; i++)
        {
            e = await Assert.ThrowsAsync<WireException>(() => CodeAsync(office, (_, _) => ValueTask.FromResult(false)));
            Assert.Equal((WireError.CodeDeclined, false), (e.Error, e.ByPeer));
            await gone.Task.WaitAsync(Mesh.Deadline);
            gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        await Mesh.UntilAsync(() => office.Node.HandshakesInProgress == 0, "the last one is over");
        e = await Assert.ThrowsAsync<WireException>(() => CodeAsync(office, (_, _) => ValueTask.FromResult(true)));
        Assert.Equal((WireError.TooManyAttempts, true), (e.Error, e.ByPeer));
        time.Advance(TimeSpan.FromMinutes(5));
        desk.OfferCode(ReplicaRole.Client, null, (_, _) => ValueTask.FromResult(true));
        await CodeAsync(office, (_, _) => ValueTask.FromResult(true));
    }

    [Fact]
    [Trait("Error", nameof(WireError.CodeMismatch))]
    public async Task Whoever_stands_in_between_and_passes_on_what_it_hears_is_noticed()
    {
        await using var camp = new Camp();
        (Camp.Device office, PairingDesk desk) = await camp.OfficeWithDeskAsync(book);
        desk.OfferCode(ReplicaRole.Client, null, (_, _) => ValueTask.FromResult(true));
        await using var middle = new Middle();
        Task<WireException> passing = Assert.ThrowsAsync<WireException>(async () =>
        {
            await using Middle.Side victim = await middle.AcceptAsync(), desks = await middle.DialAsync(office.Address);
            await desks.Channel.SendAsync(await victim.Channel.ReceiveAsync(default), default);
            await victim.Channel.SendAsync(await desks.Channel.ReceiveAsync(default), default);
            await desks.Channel.SendAsync(await victim.Channel.ReceiveAsync(default), default);
            await desks.Channel.ReceiveAsync(default);
        });
        Task<PairingGrant> applying = PairingApplicant.ApplyAsync(
            middle.Address, key, id, "tablet", (_, _) => ValueTask.FromResult(true));
        Assert.Equal((WireError.CodeMismatch, true), ((await passing).Error, (await passing).ByPeer));
        await Assert.ThrowsAsync<WireException>(() => applying);
        Assert.Equal(2, office.Replica.Enrolments.Count(e => e.Role != ReplicaRole.Authority));
    }

    [Fact]
    public async Task Whoever_stands_in_between_and_speaks_with_each_by_itself_shows_them_different_codes()
    {
        await using var camp = new Camp();
        (Camp.Device office, PairingDesk desk) = await camp.OfficeWithDeskAsync(book);
        var shown = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        desk.OfferCode(ReplicaRole.Client, null, async (code, _) =>
        {
            shown.SetResult(code.Digits);
            return false; // the person compares, and sees another one on the other screen
        });
        await using var middle = new Middle();
        string seen = "";
        Task<PairingGrant> applying = PairingApplicant.ApplyAsync(middle.Address, key, id, "tablet", (code, _) =>
        {
            seen = code.Digits;
            return ValueTask.FromResult(false);
        });
        await using Middle.Side victim = await middle.AcceptAsync(), desks = await middle.DialAsync(office.Address);
        var towardsDesk = new PairingSecrets(middle.Key.PublicKey, office.Key.PublicKey, id);
        byte[] nonce = new byte[32];
        await desks.Channel.SendAsync(new CodeApplication(id, "tablet", towardsDesk.Commitment(nonce)), default);
        PairNonce desksNonce = await desks.Channel.ReceiveAsync<PairNonce>(default);
        await victim.Channel.ReceiveAsync<CodeApplication>(default);
        await victim.Channel.SendAsync(desksNonce, default);
        await victim.Channel.ReceiveAsync<PairNonce>(default);
        await desks.Channel.SendAsync(new PairNonce(nonce), default);
        string here = await shown.Task.WaitAsync(Mesh.Deadline);
        WireException e = await Assert.ThrowsAsync<WireException>(() => applying);
        Assert.Equal(WireError.CodeDeclined, e.Error);
        Assert.NotEqual(seen, here);
        e = await Assert.ThrowsAsync<WireException>(async () => await desks.Channel.ReceiveAsync(default));
        Assert.Equal(WireError.CodeDeclined, e.Error);
    }

    [Fact]
    [Trait("Spec", "WF-10.3")]
    public void The_code_hangs_on_both_nonces_both_keys_and_the_id()
    {
        var secrets = new PairingSecrets(key.PublicKey, otherKey.PublicKey, id);
        byte[] mine = [.. Enumerable.Repeat((byte)1, 32)], theirs = [.. Enumerable.Repeat((byte)2, 32)];
        string code = secrets.Code(mine, theirs);
        string[] others =
        [
            secrets.Code(theirs, mine), secrets.Code(mine, mine),
            new PairingSecrets(otherKey.PublicKey, key.PublicKey, id).Code(mine, theirs),
            new PairingSecrets(key.PublicKey, otherKey.PublicKey, Camp.NewId()).Code(mine, theirs),
        ];
        Assert.DoesNotContain(code, others);
        Assert.Equal(code, secrets.Code(mine, theirs));
        Assert.NotEqual(secrets.Proof(mine), secrets.Proof(theirs));
        Assert.NotEqual(secrets.Commitment(mine), secrets.Commitment(theirs));
    }

    [Theory]
    [Trait("Spec", "WF-10.1")]
    [InlineData("")]
    [InlineData("90")]
    [InlineData("9109")]
    [InlineData("9101")]
    [InlineData("9203c403010203")]
    [InlineData("940110a0c0")]
    [InlineData("c1")]
    public async Task What_is_no_step_of_pairing_is_refused(string payload)
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        using var transport = new TlsTransport(key, StreamPurpose.Pairing);
        await using RawPeer peer = await RawPeer.DialAsync(transport, office.Address);
        await peer.SendAsync(FrameType.Pair, Convert.FromHexString(payload));
        Assert.Equal(WireError.Malformed, (await peer.ReadFarewellAsync(FrameType.Reject)).Error);
    }

    [Fact]
    [Trait("Spec", "WF-10.1")]
    public void Every_step_is_read_back_and_no_mutation_of_it_does_anything_but_that_or_its_one_error()
    {
        PairMessage[] steps =
        [
            new TokenApplication(id, "tablet", new byte[32]), new CodeApplication(id, "", new byte[32]),
            new PairNonce(new byte[32]), new PairConfirmed(), new PairGranted(new byte[] { 1, 2 }, new byte[] { 3 }),
        ];
        var random = new Random(5);
        foreach (PairMessage step in steps)
        {
            using var output = new FrameBuffer();
            PairFormat.Write(output, step);
            byte[] bytes = output.Written[FrameFormat.HeaderLengthBytes..].ToArray();
            Assert.Equal(step.GetType(), Read(bytes)!.GetType());
            for (int i = 0; i < 2_000; i++)
            {
                byte[] mutated = [.. bytes];
                for (int n = random.Next(1, 4); n > 0; n--)
                    mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
                Read(random.Next(2) == 0 ? mutated : mutated[..random.Next(mutated.Length)]);
            }
        }

        static PairMessage? Read(byte[] bytes)
        {
            try
            {
                return PairFormat.Read(new Frame(FrameType.Pair, FrameFlags.None, new ReadOnlySequence<byte>(bytes)), "x");
            }
            catch (WireException e) when (e.Error == WireError.Malformed)
            {
                return null;
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("crdt-pair:2?id=x")]
    [InlineData("crdt-pair:1?")]
    [InlineData("crdt-pair:1?id=aaaa&t=bbbb&a=127.0.0.1:1&x=1")]
    [InlineData("https://example.org/?id=1")]
    public void What_is_no_invitation_is_not_taken_for_one(string text) =>
        Assert.False(PairingInvitation.TryParse(text, out _));

    [Fact]
    [Trait("Spec", "WF-10.2")]
    public void An_invitation_with_one_letter_changed_is_read_as_another_or_not_at_all()
    {
        var invitation = new PairingInvitation(
            NodeFingerprint.Of(key.PublicKey.Span), PairingInvitation.NewToken(),
            [new IPEndPoint(IPAddress.Parse("192.0.2.7"), 7370), new IPEndPoint(IPAddress.IPv6Loopback, 1), new DnsEndPoint("depot.example", 7370)],
            DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
        string text = invitation.ToString();
        Assert.True(PairingInvitation.TryParse(text, out PairingInvitation? read));
        Assert.Equal(text, read!.ToString());
        Assert.Equal(invitation.Addresses, read.Addresses);
        for (int i = 0; i < text.Length; i++)
        {
            string changed = string.Concat(text.AsSpan(0, i), text[i] == 'z' ? "y" : "z", text.AsSpan(i + 1));
            Assert.False(PairingInvitation.TryParse(changed, out PairingInvitation? other) && other!.ToString() == text);
        }
    }

    [Fact]
    public async Task A_desk_takes_the_server_role_and_the_authoritys_key()
    {
        await using var camp = new Camp();
        (Camp.Device office, _) = await camp.OfficeWithDeskAsync(book);
        Assert.Throws<ArgumentException>(() => new PairingDesk(office.Replica, camp.Genesis, key, book));
        Camp.Device tablet = await camp.EnrolAsync(office);
        Assert.Throws<InvalidOperationException>(() => new PairingDesk(tablet.Replica, camp.Genesis, camp.Authority, book));
    }

    private PairingInvitation Invite(
        Camp.Device office, ReplicaRole role = ReplicaRole.Client, string? owner = null, DateTimeOffset? expires = null)
    {
        byte[] token = PairingInvitation.NewToken();
        DateTimeOffset until = expires ?? DateTimeOffset.UtcNow.AddMinutes(10);
        book.Add(new PairingOffer(token, role, owner, until));
        return new PairingInvitation(NodeFingerprint.Of(office.Key.PublicKey.Span), token, [office.Address], until);
    }

    private Task<PairingGrant> CodeAsync(
        Camp.Device office, Func<PairingCode, CancellationToken, ValueTask<bool>> confirm) =>
        PairingApplicant.ApplyAsync(office.Address, key, id, "tablet", confirm).WaitAsync(Mesh.Deadline);

    private static async Task AssertRefusedAsync(WireError error, PairingInvitation invitation, EcdsaNodeKey by)
    {
        WireException e = await Assert.ThrowsAsync<WireException>(
            () => PairingApplicant.ApplyAsync(invitation, by, Camp.NewId(), ""));
        Assert.Equal((error, true), (e.Error, e.ByPeer));
    }

    /// <summary>Somebody in between, with a key of its own.</summary>
    private sealed class Middle : IAsyncDisposable
    {
        private readonly TlsTransport transport;
        private readonly IPeerListener listener;

        public Middle()
        {
            transport = new TlsTransport(Key, StreamPurpose.Pairing);
            listener = transport.ListenAsync(Mesh.AnyPort, default).AsTask().Result;
        }

        public EcdsaNodeKey Key { get; } = EcdsaSignatures.CreateKey();

        public EndPoint Address => listener.LocalEndPoint;

        public async Task<Side> AcceptAsync() => await Side.OpenAsync((await listener.AcceptAsync(default))!);

        public async Task<Side> DialAsync(EndPoint address) =>
            await Side.OpenAsync(await transport.ConnectAsync(address, default));

        /// <summary>What somebody says who is not answered.</summary>
        public async Task<PairMessage?> HearAsync()
        {
            await using Side side = await AcceptAsync();
            try
            {
                return await side.Channel.ReceiveAsync(default);
            }
            catch (WireException)
            {
                return null;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await listener.DisposeAsync();
            transport.Dispose();
            Key.Dispose();
        }

        internal sealed class Side : IAsyncDisposable
        {
            private readonly IPeerStream stream;
            private readonly FramedConnection frames;

            private Side(IPeerStream stream) =>
                (this.stream, frames) = (stream, new FramedConnection(stream, TimeProvider.System) { Greeted = true });

            public PairChannel Channel => new(frames);

            public static async Task<Side> OpenAsync(IPeerStream stream)
            {
                await stream.OpenAsync(default);
                return new Side(stream);
            }

            public async ValueTask DisposeAsync()
            {
                frames.Dispose();
                await stream.DisposeAsync();
            }
        }
    }
}
