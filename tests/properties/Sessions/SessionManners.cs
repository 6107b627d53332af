using System.Buffers;

namespace Crdt.Properties;

/// <summary>What a session owes its peer besides the data.</summary>
public class SessionManners
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    public async Task What_arrives_is_not_sent_back_to_whom_it_came_from()
    {
        await using Team team = await Team.CreateAsync(2);
        await team.MeetAsync(0, 1);
        using var sender = new SyncSession(team[0]);
        using var receiver = new SyncSession(team[1]);
        while (await Team.PassAsync(sender, receiver) + await Team.PassAsync(receiver, sender) > 0)
        {
            // Until both are idle.
        }
        var echoed = new ArrayBufferWriter<byte>();
        // The moment the run becomes visible is the first at which it could be sent back.
        team[1].Writer.Changed += _ => Assert.True(receiver.WriteNextAsync(echoed, default).AsTask().IsCompleted);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        Assert.True(await Team.PassAsync(sender, receiver) > 0);
        Assert.NotNull(team[1].Get(Strike));
        Assert.Equal(0, echoed.WrittenCount);
    }

    [Fact]
    public async Task Equal_heads_with_different_states_are_reported_as_divergence()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team.MeetAsync(0, 1);
        await DamageAsync(team[1]);
        using var left = new SyncSession(team[0]);
        using var right = new SyncSession(team[1]);
        while (await Team.PassAsync(left, right) + await Team.PassAsync(right, left) > 0)
        {
            // Until both have said everything.
        }
        Assert.Equal(team[0].Vector, team[1].Vector);
        Assert.True(left.Progress.IsDiverged && right.Progress.IsDiverged);
    }

    [Fact]
    public async Task A_statement_about_mutations_that_were_never_made_makes_nothing_synced()
    {
        await using Team team = await Team.CreateAsync(1);
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        var lie = new Acknowledgement(Team.IdOf(50), ReplicaRole.Server, Team.Start,
            VersionVector.From([new Dot(team[0].Id, Dot.SequenceMax)]));
        await impostor.SayAsync(new StatementsMessage([lie]));
        Assert.Empty(team[0].Acknowledgements);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        Assert.Equal(MutationStatus.Pending, Assert.Single(team[0].Mutations(new() { Author = team[0].Id })).Status);
    }

    [Fact]
    public async Task A_device_goes_by_the_clock_of_the_server_it_met_and_of_nobody_else()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        long day = (long)TimeSpan.FromDays(1).TotalMilliseconds;
        await MeetAsync(team[0], team[1], day);
        await team[0].CommitAsync(tx => tx.Create(new("incident", "strike", "1")));
        Assert.Equal(Team.Start, Last(team[0]).CreatedAt);
        await MeetAsync(team[0], team[2], day);
        await team[0].CommitAsync(tx => tx.Create(new("incident", "strike", "2")));
        Assert.Equal(Team.Start.AddDays(1), Last(team[0]).CreatedAt);
        await MeetAsync(team[2], team[0], day);
        await team[2].CommitAsync(tx => tx.Create(new("incident", "strike", "3")));
        Assert.InRange(Last(team[2]).CreatedAt, Team.Start, Team.Start.AddMinutes(6));
    }

    [Fact]
    public async Task Marks_of_when_something_was_synced_stay_few_and_in_order()
    {
        var table = new AcknowledgementTable();
        ReplicaId author = Team.IdOf(1), server = Team.IdOf(2);
        for (int i = 1; i <= 10_000; i++)
        {
            table.Merge(new Acknowledgement(
                server, ReplicaRole.Server, Team.Start.AddSeconds(i), VersionVector.From([new Dot(author, i)])));
        }
        Assert.InRange(table.Export().Synced[0].Marks.Length, 10, AcknowledgementTable.MarksMax);
        DateTimeOffset before = default;
        for (int i = 1; i <= 10_000; i += 97)
        {
            DateTimeOffset at = table.SyncedAt(new Dot(author, i))!.Value;
            Assert.True(at >= before && at >= Team.Start.AddSeconds(i));
            before = at;
        }
        Assert.Equal(Team.Start.AddSeconds(10_000), table.SyncedAt(new Dot(author, 10_000)));
        await Task.CompletedTask;
    }

    private static Mutation Last(Replica replica) => replica.Mutations(new() { Author = replica.Id }).Last().Mutation;

    private static async Task MeetAsync(Replica device, Replica peer, long skewMs)
    {
        using var left = new SyncSession(device);
        using var right = new SyncSession(peer);
        await Team.PassAsync(left, right);
        await Team.PassAsync(right, left);
        await left.NotePeerClockAsync(skewMs, 1, default);
    }

    /// <summary>Adds a sibling that nobody wrote, as a defect or a flipped bit would.</summary>
    private static async Task DamageAsync(Replica replica)
    {
        await replica.Writer.EnqueueAsync(new CallWork(writer =>
        {
            writer.Cache.BeginUnit();
            EntityState state = writer.Cache.ToWorking(writer.Cache.GetOrLoad(Strike), 1);
            state.Append(new SiblingSlot("ghost", new LocalDot(0, 1, ReplicaRole.Client), new HybridTimestamp(1), 1, null));
        }), default);
        await replica.Writer.EnqueueAsync(new CallWork(static _ => { }), default);
    }

    [Fact]
    public async Task A_peers_clock_is_noted_once_it_is_known_whose_it_is()
    {
        await using Team team = await Team.CreateAsync(2);
        using SyncSession session = new(team[0]), other = new(team[1]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => session.NotePeerClockAsync(5, null, default).AsTask());
        Assert.True(await Team.PassAsync(other, session) > 0);
        await session.NotePeerClockAsync(5, null, default);
        Assert.Equal((team[1].Id, 5), team[0].Writer.Watch.Skews.Select(s => (s.Replica, (int)s.OffsetMs)).Single());
    }
}
