using Crdt.Transport;

namespace Crdt.Integration.Transport;

/// <summary>Servers that want an access token beside an enrolment: over real sockets and TLS.</summary>
public sealed class AccessTokenTests
{
    [Fact]
    [Trait("Spec", "WF-6.11")]
    [Trait("Error", nameof(WireError.AccessTokenRefused))]
    public async Task Without_a_token_that_is_believed_nobody_replicates_and_nothing_is_lost()
    {
        await using var camp = new Camp();
        var gate = new Gate();
        string? token = null;
        Camp.Device office = await camp.OfficeAsync(new PeerNodeOptions { Gate = gate, PenaltyMin = TimeSpan.FromMilliseconds(1) });
        Camp.Device tablet = await camp.EnrolAsync(office, new PeerNodeOptions { AccessToken = _ => ValueTask.FromResult(token) });
        foreach (string? shown in (string?[])[null, "bad"])
        {
            token = shown;
            WireException e = await Assert.ThrowsAsync<WireException>(() => Camp.MeetAsync(tablet, office));
            Assert.Equal((WireError.AccessTokenRefused, true), (e.Error, e.ByPeer));
            Assert.Equal(shown, gate.Last!.AccessToken);
            await Task.Delay(100);
        }
        token = "good";
        await Camp.MeetAsync(tablet, office);
        await Mesh.CommitAsync(tablet.Replica, "a");
        await Mesh.UntilAsync(() => Mesh.Read(office.Replica, "a") == "x", "what waited is there");
        Assert.Equal(tablet.Key.PublicKey.ToArray(), gate.Last!.Key.ToArray());
    }

    [Fact]
    [Trait("Spec", "WF-6.11")]
    public async Task A_token_is_shown_to_servers_of_the_space_alone_and_servers_need_none()
    {
        await using var camp = new Camp();
        var curious = new Gate { LetsEverybodyIn = true };
        var gate = new Gate();
        var showing = new PeerNodeOptions { AccessToken = _ => ValueTask.FromResult<string?>("good") };
        Camp.Device office = await camp.OfficeAsync(new PeerNodeOptions { Gate = gate });
        Camp.Device tablet = await camp.EnrolAsync(office, showing);
        Camp.Device phone = await camp.EnrolAsync(office, showing with { Gate = curious });
        await Camp.VisitAsync(phone, office);
        await Camp.VisitAsync(tablet, office);
        await Camp.VisitAsync(tablet, phone);
        Assert.Null(curious.Last!.AccessToken);
        Camp.Device branch = await camp.BranchAsync();
        await Camp.VisitAsync(branch, office);
        Assert.True(gate.Last!.IsServer);
        // Whoever dials, the device is the one that shows it.
        await Camp.VisitAsync(office, tablet);
        Assert.Equal("good", gate.Last!.AccessToken);
    }

    [Fact]
    [Trait("Spec", "WF-6.11")]
    public async Task A_connection_ends_with_its_token()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(new PeerNodeOptions { Gate = new Gate { Until = TimeProvider.System.GetUtcNow().AddSeconds(3) } });
        Camp.Device tablet = await camp.EnrolAsync(office, new PeerNodeOptions { AccessToken = _ => ValueTask.FromResult<string?>("good") });
        PeerConnection connection = await Camp.MeetAsync(tablet, office);
        CloseReason reason = await connection.Completion.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((WireError.AccessTokenRefused, true), (reason.Error, reason.ByPeer));
    }

    private sealed class Gate : ISessionGate
    {
        public SessionCandidate? Last { get; private set; }

        public bool LetsEverybodyIn { get; init; }

        public DateTimeOffset? Until { get; init; }

        public ValueTask<SessionPass> AdmitAsync(SessionCandidate candidate, CancellationToken cancellationToken)
        {
            Last = candidate;
            return ValueTask.FromResult(LetsEverybodyIn || candidate.IsServer || candidate.AccessToken == "good"
                ? new SessionPass(null, Until) : new SessionPass("no token"));
        }
    }
}
