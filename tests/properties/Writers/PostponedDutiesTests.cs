using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>A server that must not write goes on applying what arrives: what it has to say about that waits.</summary>
public class PostponedDutiesTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [Trait("Law", "15")]
    public async Task What_arrives_while_a_server_must_not_write_is_judged_as_it_was_then_once_it_may(bool isProjecting, int restarts)
    {
        await using Team team = await Team.CreateAsync(new TeamOptions
        {
            Devices = 2,
            Servers = 1,
            IsKeyed = true,
            Policies = [("d/t/first", ConflictPolicy.ServerWins)],
        });
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", "good").Set("m", "kept").Increment("n", 1));
        await team.MeetAllAsync();
        var identity = new ReplicaIdentity(team.Genesis.Space, Team.IdOf(3), ReplicaRole.Server);
        IReplicaStore store = isProjecting ? new ProjectingStore(identity) : new MemoryReplicaStore(identity);
        Replica server = await OpenAsync(hasKey: false);
        await Team.MeetAsync(server, team[1]);
        // Refused; built upon; refused again; and two that have not seen each other.
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "bad").Remove("m").Increment("n", 5), "mallory");
        await team[0].CommitAsync(tx => tx.Update(E).Set("first", "one"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("first", "two"));
        team.Clocks[1].Advance(TimeSpan.FromMinutes(1));
        await Team.MeetAsync(server, team[0]);
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "worse"), "mallory");
        await Team.MeetAsync(server, team[0]);
        await Team.MeetAsync(server, team[1]);
        Assert.Empty(server.Refusals());
        for (int i = 0; i < restarts; i++)
        {
            if (i > 0) await server.FlushAsync();
            server = await OpenAsync(hasKey: false);
            Assert.Equal("worse", server.Get(E)!.GetString("x"));
        }
        server = await OpenAsync(hasKey: true);

        Assert.Equal(["bad", "worse"], server.Refusals().OrderBy(r => r.First.Sequence)
            .Select(r => r.Work.First(w => w.Path == "x").Value!.Value.AsString()));
        foreach (Replica device in team.Replicas.Take(2)) await Team.MeetAsync(server, device);
        await Team.MeetAsync(server, team[0]);
        foreach (Replica replica in (Replica[])[server, team[0], team[1]])
            Assert.Equal("""{"first":"one","m":"kept","n":1,"x":"good"}""", replica.Get(E)!.ToJson());
        Assert.Equal((await team[0].GetStatusAsync()).Digest, (await server.GetStatusAsync()).Digest);
        long written = server.Vector[server.Id];
        server = await OpenAsync(hasKey: true);
        Assert.Equal(written, server.Vector[server.Id]);
        Assert.Empty((await server.AuditAsync()).Unaccounted);

        async Task<Replica> OpenAsync(bool hasKey)
        {
            ReplicaOptions options = KeyedTeam.OptionsOf(team, hasKey ? KeyedTeam.KeyOf(3) : null) with
            {
                Admission = new RefuseWhere(m => m.User == "mallory"),
            };
            return await Replica.OpenAsync(store,
                isProjecting ? options with { ProjectedEntitiesPerUpdate = 1, CachedEntitiesMax = 100 } : options);
        }
    }

    [Fact]
    public async Task What_could_not_be_appended_is_written_with_the_next_commit()
    {
        await using Team team = await Team.CreateAsync(new TeamOptions { Devices = 1, Servers = 1, IsKeyed = true });
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", "good"));
        await team.MeetAllAsync();
        var identity = new ReplicaIdentity(team.Genesis.Space, Team.IdOf(2), ReplicaRole.Server);
        var store = new ProjectingStore(identity);
        ReplicaOptions options = KeyedTeam.OptionsOf(team, null) with { Admission = new RefuseWhere(m => m.User == "mallory") };
        Replica server = await Replica.OpenAsync(store, options);
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "bad"), "mallory");
        await Team.MeetAsync(server, team[0]);
        server = await Replica.OpenAsync(store, options);
        store.Gate.Problem = new IOException("The disk is full.");
        server = await Replica.OpenAsync(store, options with { Key = KeyedTeam.KeyOf(2) });
        Assert.Equal("bad", server.Get(E)!.GetString("x"));
        store.Gate.Problem = null;
        await server.CommitAsync(tx => tx.Create(new EntityKey("d", "t", "2")));
        Assert.Equal("good", server.Get(E)!.GetString("x"));
        Assert.Single(server.Refusals());
    }
}
