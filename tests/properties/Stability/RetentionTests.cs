using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>What becomes of the log: kept as evidence, or dropped once everybody has seen it.</summary>
public class RetentionTests
{
    private static readonly EntityKey Key = new("d", "t", "1");

    [Fact]
    public async Task Where_the_log_is_evidence_nothing_of_it_can_be_dropped_on_any_replica()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[1].CommitAsync(tx => tx.SetRetention(HistoryRetention.Keep));
        await team[0].CommitAsync(tx => tx.Upsert(Key).Set("f", 1));
        await team.MeetAllAsync();
        await team[1].TakeSnapshotAsync();
        await team.MeetAllAsync();
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(HistoryRetention.Keep, replica.Retention);
            Assert.Equal(PruneOutcome.Kept, (await replica.PruneAsync()).Outcome);
            Assert.NotEqual(PruneOutcome.Pruned, (await replica.EnforceRetentionAsync()).Outcome);
            Assert.NotNull(replica.FindMutation(new Dot(team[0].Id, 1)));
        }
        MutationException error = await Assert.ThrowsAsync<MutationException>(
            async () => await team[0].CommitAsync(tx => tx.SetRetention(HistoryRetention.UntilStable)));
        Assert.Equal(MutationError.RoleRequired, error.Error);
    }

    [Fact]
    public async Task Until_stable_a_log_of_overwritten_fields_stays_as_short_as_what_somebody_has_not_seen()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[1].CommitAsync(tx => tx.SetRetention(HistoryRetention.UntilStable));
        for (int round = 0; round < 4; round++)
        {
            for (int i = 0; i < 60; i++)
            {
                int value = i;
                await team[0].CommitAsync(tx =>
                {
                    for (int n = 0; n < 100; n++) tx.Upsert(new EntityKey("d", "t", $"{n}")).Set("f", value + n);
                });
            }
            LogPosition before = team[1].Store.LogStart;
            await team[1].EnforceRetentionAsync();
            // The device has not been met since: nothing may go that it has not seen to be held.
            if (round == 0) Assert.Equal(before, team[1].Store.LogStart);
            for (int n = 0; n < 2; n++) await team.MeetAllAsync();
            for (int n = 0; n < 2; n++)
            {
                await team[1].EnforceRetentionAsync();
                await team.MeetAllAsync();
            }
        }
        Assert.True(team[1].PrunedTo[team[0].Id] > 6_000, $"{team[1].PrunedTo}");
        // Who made it all, and so was never given a snapshot, asks for one to do the same.
        await team[0].EnforceRetentionAsync();
        await team.MeetAllAsync();
        await team[0].EnforceRetentionAsync();
        Assert.True(team[0].PrunedTo[team[0].Id] > 6_000, $"{team[0].PrunedTo}");
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        // Who comes late gets the snapshot.
        Replica late = await team.AddAsync();
        await Team.MeetAsync(late, team[1]);
        Assert.Equal(await World.DumpAsync(team[1]), await World.DumpAsync(late));
    }

    [Fact]
    public async Task At_an_interval_it_is_done_of_its_own_accord()
    {
        var clock = new FakeTimeProvider(Team.Start);
        await using Team team = await Team.CreateAsync(0, servers: 1);
        await using Replica server = await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(7), ReplicaRole.Server)),
            new ReplicaOptions { Time = clock, Genesis = team.Genesis, RetentionInterval = TimeSpan.FromMinutes(1) });
        await server.CommitAsync(tx => tx.SetRetention(HistoryRetention.UntilStable));
        for (int i = 0; i < 101; i++)
        {
            int value = i;
            await server.CommitAsync(tx =>
            {
                for (int n = 0; n < 100; n++) tx.Upsert(new EntityKey("d", "t", $"{n}")).Set("f", value + n);
            });
        }
        for (int minute = 0; minute < 10 && server.Snapshots.Count == 0; minute++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            // Behind it in the queue: what the interval began is done.
            await server.EnforceRetentionAsync();
        }
        Assert.Null(server.RetentionError);
        Assert.NotEmpty(server.Snapshots);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(8), ReplicaRole.Server)),
            new ReplicaOptions { Time = clock, RetentionInterval = TimeSpan.Zero }));
    }
}
