namespace Crdt.Properties;

public class FirstMeetingTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    public async Task Two_devices_that_edited_different_fields_offline_end_with_both_edits()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull").Set("cost", 10));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("cost", 25).Increment("views", 3).Add("tags", "night"));
        await team.MeetAsync(0, 1);

        foreach (Replica replica in team.Replicas)
        {
            Entity entity = replica.Get(Strike)!;
            Assert.Equal("""{"cost":25,"species":"heron","tags":["night"],"views":3}""", entity.ToJson());
        }
        Assert.Equal((await team[0].GetStatusAsync()).Digest, (await team[1].GetStatusAsync()).Digest);
        Assert.Equal(team[0].Vector, team[1].Vector);
        foreach (Replica replica in team.Replicas)
        {
            AuditReport audit = await replica.AuditAsync();
            Assert.Empty(audit.Unaccounted);
            Assert.Equal(audit.Written, audit.Replaced + audit.Held);
        }
    }

    [Fact]
    public async Task A_server_that_holds_a_mutation_makes_it_synced_also_where_the_word_came_through_others()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"), user: "ana");
        Assert.Equal(MutationStatus.Pending, Assert.Single(team[0].Mutations(new() { Author = team[0].Id })).Status);
        await team.MeetAsync(0, 1);
        await team.MeetAsync(1, 2);
        await team.MeetAsync(0, 1);
        QueuedMutation queued = Assert.Single(team[0].Mutations(new() { Author = team[0].Id }));
        Assert.Equal(MutationStatus.Synced, queued.Status);
        Assert.NotNull(queued.SyncedAt);
        Assert.Equal("ana", queued.Mutation.User);
        await team.ReopenAsync(0);
        Assert.Equal(MutationStatus.Synced, Assert.Single(team[0].Mutations(new() { Author = team[0].Id })).Status);
    }

    [Fact]
    public async Task A_session_with_nothing_new_takes_one_message_each_way_of_less_than_a_hundred_bytes()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        for (int i = 0; i < 50; i++)
            await team[i % 2].CommitAsync(tx => tx.Create(new("incident", "strike", $"{i}")).Set("n", i));
        await team.MeetAllAsync();
        await team.MeetAsync(0, 2);
        // Nor does it after both were opened anew.
        await team.ReopenAsync(0);
        await team.ReopenAsync(2);
        (long aToB, long bToA) = await Team.MeetAsync(team[0], team[2]);
        Assert.InRange(aToB, 1, 100);
        Assert.InRange(bToA, 1, 100);
    }

    [Fact]
    public async Task Two_that_hold_the_same_are_not_in_sync_before_they_know_the_same_of_the_servers()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team.MeetAsync(0, 1);
        await team.MeetAsync(1, 2);
        using var device = new SyncSession(team[0]);
        using var server = new SyncSession(team[2]);
        await Team.PassAsync(device, server);
        await Team.PassAsync(server, device);
        Assert.False(device.IsInSync);
        Assert.Equal(2, (await team[0].GetStatusAsync()).Pending);
        while (await Team.PassAsync(device, server) + await Team.PassAsync(server, device) > 0)
        {
            // Until both have said everything.
        }
        Assert.True(device.IsInSync && server.IsInSync);
        Assert.Equal(0, (await team[0].GetStatusAsync()).Pending);
    }
}
