using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>What everybody holds becomes known to servers, and with it what everybody has seen.</summary>
[Trait("Spec", "WF-4.9")]
public class StandingTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_learns_what_devices_hold_that_it_never_meets(bool isKeyed)
    {
        // 0 – 1 – 2 – server: the first two never meet the server.
        await using Team team = await Team.CreateAsync(3, 1, false, [], isKeyed);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        foreach (int round in new[] { 1, 2, 3, 4 })
        {
            for (int i = 0; i < 3; i++) await team.MeetAsync(i, i + 1);
            for (int i = 2; i >= 0; i--) await team.MeetAsync(i, i + 1);
            if (round == 1) await team[3].CommitAsync(tx => tx.Update(E).Set("y", 2));
        }
        Assert.Equal(team[3].Vector, team[3].StableVector);
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", 2));
        await team.MeetAsync(0, 1);
        Assert.False(team[3].StableVector.Covers(team[0].Vector));
        await team.ReopenAsync(3);
        Assert.Equal(team[3].Vector, team[3].StableVector);
    }

    [Fact]
    public async Task A_device_that_has_not_said_what_it_holds_leaves_nothing_stable()
    {
        await using Team team = await Team.CreateAsync(2, 1, false, [], isKeyed: true);
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAsync(0, 2);
        Assert.Empty(team[2].StableVector);
        await team.MeetAsync(1, 2);
        await team.MeetAsync(0, 2);
        Assert.NotEmpty(team[2].StableVector);
    }

    [Fact]
    public async Task With_nothing_new_nothing_is_told()
    {
        await using Team team = await Team.CreateAsync(2, 1);
        await team[0].CommitAsync(tx => tx.Create(E));
        (int, int)[] pairs = [(0, 2), (1, 2), (0, 1)];
        for (int round = 0; round < 3; round++)
        {
            foreach ((int a, int b) in pairs) await team.MeetAsync(a, b);
        }
        foreach ((int a, int b) in pairs)
        {
            (long there, long back) = await Team.MeetAsync(team[a], team[b]);
            Assert.InRange(there, 1, 100);
            Assert.InRange(back, 1, 100);
        }
    }

    [Fact]
    public async Task What_is_claimed_for_somebody_else_is_refused()
    {
        await using Team team = await Team.CreateAsync(2, 1, false, [], isKeyed: true);
        await team.MeetAllAsync();
        ReplicaId maker = team[0].Id;
        var held = VersionVector.From([new Dot(maker, 1)]);
        Acknowledgement[] lies =
        [
            new(maker, ReplicaRole.Client, Team.Start, held),
            new Acknowledgement(maker, ReplicaRole.Client, Team.Start, held) { Signature = new byte[32] },
            new(Team.IdOf(77), ReplicaRole.Client, Team.Start, held),
            new(maker, ReplicaRole.Client, Team.Start, VersionVector.From([new Dot(team[2].Id, 99)])),
        ];
        SyncError?[] expected = [SyncError.BadSignature, SyncError.BadSignature, null, SyncError.BadSignature];
        VersionVector before = team[2].StableVector;
        foreach ((Acknowledgement lie, SyncError? error) in lies.Zip(expected))
        {
            using var session = new SyncSession(team[2]);
            Impostor impostor = await Impostor.GreetAsync(session);
            Exception? refused = await Record.ExceptionAsync(() => impostor.SayAsync(new StandingMessage([lie])).AsTask());
            Assert.Equal(error, (refused as SyncException)?.Error);
        }
        Assert.Equal(before, team[2].StableVector);
    }

    [Fact]
    public void A_statement_of_what_is_unknown_here_leaves_nothing_stable()
    {
        ReplicaId a = Team.IdOf(1), b = Team.IdOf(2);
        var held = VersionVector.From([new Dot(a, 5), new Dot(b, 3)]);
        VersionVector Of(params (ReplicaId By, VersionVector Held)[] standing) => CausalStability.Of(
            standing.Select(s => s.By), by => standing.Where(s => s.By == by && s.Held.Count > 0)
                .Select(s => new Acknowledgement(by, ReplicaRole.Client, Team.Start, s.Held)).FirstOrDefault(), held);
        Assert.Equal(held, Of());
        Assert.Equal(VersionVector.From([new Dot(a, 5), new Dot(b, 2)]), Of((b, VersionVector.From([new Dot(a, 9), new Dot(b, 2)]))));
        Assert.Empty(Of((b, VersionVector.From([new Dot(a, 5), new Dot(b, 4)]))));
        Assert.Empty(Of((a, held), (b, VersionVector.Empty)));
    }

    /// <summary>Whatever has not arrived at a server was written by somebody who had seen all that the server calls stable.</summary>
    [Fact]
    public void What_has_not_arrived_was_written_having_seen_all_that_is_stable() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            bool isKeyed = random.Next(2) == 0;
            await using Team team = await Team.CreateAsync(3, 2, false, [], isKeyed);
            var seen = new Dictionary<Dot, VersionVector>();
            bool wasStable = false;
            for (int step = 0; step < 40; step++)
            {
                int at = random.Next(5);
                switch (random.Next(3))
                {
                    case 0:
                        VersionVector before = team[at].Vector;
                        CommitResult made = await team[at].CommitAsync(tx => tx.Upsert(E).Set("x", step));
                        seen[new Dot(made.Replica, made.FirstSequence)] = before;
                        break;
                    case 1 when random.Next(6) == 0:
                        await team.ReopenAsync(at);
                        break;
                    default:
                        int other = random.Next(5);
                        if (other != at) await Team.MeetAsync(team[at], team[other], random.Next(4) == 0 ? random.Next(1, 9) : int.MaxValue);
                        break;
                }
                foreach (Replica server in team.Replicas.Where(r => r.Role == ReplicaRole.Server))
                {
                    VersionVector stable = server.StableVector;
                    wasStable |= stable.Count > 1;
                    // In an open space nobody can be reckoned with who was never heard of.
                    HashSet<ReplicaId> known = [.. server.Writer.OtherMembers(), server.Id];
                    Assert.True(!isKeyed || known.Count == 5);
                    Assert.All(team.Replicas.Where(r => known.Contains(r.Id)), r => Assert.True(r.Vector.Covers(stable)));
                    Assert.All(seen.Where(s => known.Contains(s.Key.Replica)),
                        s => Assert.True(server.Vector.Covers(s.Key) || s.Value.Covers(stable)));
                }
            }
            for (int round = 0; round < 3; round++) await team.MeetAllAsync();
            Assert.True(wasStable || team[4].StableVector.Count > 0);
        });
}
