using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Deleted entities that everybody has seen deleted are dropped, and nobody can tell from what is alive.</summary>
public class PurgeTests
{
    private static readonly EntityKey E = new("d", "t", "1");
    private static readonly EntityKey[] Keys = [E, new("d", "t", "2"), new("e", "t", "1")];

    /// <summary>Semantics 13, schedule 1: dropping is a mutation, so who creates anew after it and who has not heard of it
    /// come to the same.</summary>
    [Fact]
    [Trait("Schedule", "1")]
    public async Task An_entity_made_again_where_it_was_purged_is_the_same_everywhere()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        await team[1].CommitAsync(tx => tx.Delete(E));
        await SettleAsync(team);
        Assert.Equal(1, (await team[2].PurgeAsync()).Purged);
        await team.MeetAsync(0, 2);
        Assert.Null(team[0].GetWithDeleted(E));
        // One has heard of the purge, the other has not; both create.
        await team[0].CommitAsync(tx => tx.Create(E).Set("y", 2));
        await team[1].CommitAsync(tx => tx.Create(E).Set("z", 3));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"y":2,"z":3}""", r.Get(E)!.ToJson()));
        await AssertEqualAsync(team);
    }

    [Fact]
    [Trait("Schedule", "11")]
    public async Task An_entity_deleted_and_made_again_while_somebody_updates_it_keeps_the_updated_field_alone()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", "old").Set("w", "old"));
        await SettleAsync(team);
        await team[0].CommitAsync(tx => tx.Delete(E));
        Assert.Equal(new PurgeResult(0, 0, 0), await team[2].PurgeAsync());
        await team.MeetAsync(0, 2);
        // Who has not seen the delete may bring it back whole: nothing is dropped.
        Assert.Equal(new PurgeResult(0, 1, 0), await team[2].PurgeAsync());
        await team[0].CommitAsync(tx => tx.Create(E).Set("y", "new"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", "B's"));
        await SettleAsync(team);
        Assert.Equal(new PurgeResult(0, 0, 0), await team[2].PurgeAsync());
        Assert.All(team.Replicas, r => Assert.Equal("""{"x":"B's","y":"new"}""", r.Get(E)!.ToJson()));
        await AssertEqualAsync(team);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Schedule", "18")]
    public async Task A_counter_of_an_entity_that_was_purged_and_made_again_holds_what_was_counted_since(bool hasHeard)
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1).Increment("n", 5));
        await team[0].CommitAsync(tx => tx.Create(Keys[1]).Increment("n", 5).Increment("n", -5));
        await team.MeetAllAsync();
        await team[1].CommitAsync(tx => tx.Update(E).Increment("n", 1));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx =>
        {
            tx.Delete(E);
            tx.Delete(Keys[1]);
        });
        await SettleAsync(team);
        Assert.Equal(new PurgeResult(2, 0, 0), await team[2].PurgeAsync());
        if (hasHeard) await SettleAsync(team);
        await team[0].CommitAsync(tx => tx.Create(E).Increment("n", 3));
        await team[1].CommitAsync(tx => tx.Create(Keys[1]).Increment("n", 3));
        await SettleAsync(team);
        Assert.All(team.Replicas, r => Assert.Equal("""{"n":3}""", r.Get(E)!.ToJson()));
        Assert.All(team.Replicas, r => Assert.Equal("""{"n":3}""", r.Get(Keys[1])!.ToJson()));
        await AssertEqualAsync(team);
    }

    /// <summary>The same schedule with purges and without: what is alive reads the same on every replica after every step.</summary>
    [Fact]
    [Trait("Law", "1")]
    public void A_purge_never_changes_what_is_alive_anywhere()
    {
        int total = 0;
        Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            (List<string> with, int purged) = await RunAsync(seed, purges: true);
            (List<string> without, _) = await RunAsync(seed, purges: false);
            int at = without.Zip(with).TakeWhile(p => p.First == p.Second).Count();
            Assert.True(at == with.Count, $"Step {at}: {without.ElementAtOrDefault(at)}\n---\n{with.ElementAtOrDefault(at)}");
            total += purged;
        });
        Assert.True(!Law.HasAllCases || total > 500, $"{total} entities were purged.");
    }

    [Fact]
    public async Task Of_ten_thousand_purged_entities_nothing_is_left_but_the_log()
    {
        const int Count = 10_000;
        await using Team team = await Team.CreateAsync(1, 1, isProjecting: true, []);
        string empty = await World.DumpAsync(team[0]);
        for (int from = 0; from < Count; from += 500)
            await EachAsync(team[0], from, (tx, key) => tx.Create(key).Set("a", 1).Set("b", "text").Add("tags", "x"));
        for (int from = 0; from < Count; from += 500) await EachAsync(team[0], from, (tx, key) => tx.Delete(key));
        await SettleAsync(team);
        Assert.Equal(new PurgeResult(Count, 0, 0), await team[1].PurgeAsync());
        await SettleAsync(team);
        foreach (Replica replica in team.Replicas)
        {
            await replica.CommitAsync(tx => tx.Upsert(E).Set("n", 1));
            await replica.FlushAsync();
            await replica.CommitAsync(tx => tx.Delete(E));
            await replica.FlushAsync();
            Assert.Equal([E], replica.Keys().Where(k => !k.IsSpaceData));
            Assert.InRange(replica.Writer.Cache.Count, 0, 10);
            Assert.InRange(replica.Store.Keys().Count(), 0, 10);
            Assert.Empty((await replica.AuditAsync()).Unaccounted);
        }
        Assert.Contains("0 entities", empty);
    }

    [Fact]
    public async Task Only_servers_purge_and_never_the_spaces_own_data()
    {
        await using Team team = await Team.CreateAsync(1, 1, ("d/t", ConflictPolicy.Manual));
        await Assert.ThrowsAsync<InvalidOperationException>(() => team[0].PurgeAsync().AsTask());
        await team[1].CommitAsync(tx => tx.Delete(new EntityKey("$space", "policy", "d/t")));
        await SettleAsync(team);
        Assert.Equal(default, await team[1].PurgeAsync());
        Assert.NotNull(team[0].GetWithDeleted(new("$space", "policy", "d/t")));
    }

    [Fact]
    public async Task A_purge_takes_away_every_sibling_where_several_wrote_at_once()
    {
        await using Team team = await Team.CreateAsync(3, servers: 1);
        for (int i = 0; i < 3; i++)
        {
            int n = i;
            await team[i].CommitAsync(tx => tx.Create(E).Set("x", n).Add("tags", "t"));
        }
        await SettleAsync(team);
        Assert.Equal(3, team[3].Get(E)!.Siblings("x").Count);
        for (int i = 0; i < 2; i++) await team[i].CommitAsync(tx => tx.Delete(E));
        await SettleAsync(team);
        Assert.Equal(1, (await team[3].PurgeAsync()).Purged);
        await SettleAsync(team);
        Assert.All(team.Replicas, r => Assert.Null(r.GetWithDeleted(E)));
        Assert.All(team.Replicas, r => Assert.DoesNotContain(E, r.Keys()));
        await AssertEqualAsync(team);
    }

    [Fact]
    [Trait("Law", "7")]
    public async Task An_entity_whose_delete_was_refused_is_alive_and_stays()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        team.Admissions[1] = new RefuseWhere(m => m.Context == "bad");
        await team.ReopenAsync(1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await SettleAsync(team);
        await team[0].CommitAsync(tx => tx.Delete(E).WithContext("bad"));
        await SettleAsync(team);
        Assert.Equal(new PurgeResult(0, 0, 1), await team[1].PurgeAsync());
        await SettleAsync(team);
        Assert.All(team.Replicas, r => Assert.Equal("""{"x":1}""", r.Get(E)!.ToJson()));
        await AssertEqualAsync(team);
    }

    [Fact]
    [Trait("Law", "7")]
    public async Task What_was_taken_back_of_a_counter_is_not_counted_anew_after_a_purge()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        team.Admissions[1] = new RefuseWhere(m => m.Context == "bad");
        await team.ReopenAsync(1);
        await team[0].CommitAsync(tx => tx.Create(E).Increment("n", 5));
        await team[0].CommitAsync(tx => tx.Update(E).Increment("n", 7).WithContext("bad"));
        await SettleAsync(team);
        Assert.All(team.Replicas, r => Assert.Equal(5, r.Get(E)!.GetCounter("n")));
        await team[0].CommitAsync(tx => tx.Delete(E));
        await SettleAsync(team);
        Assert.Equal(1, (await team[1].PurgeAsync()).Purged);
        await SettleAsync(team);
        await team[0].CommitAsync(tx => tx.Create(E).Increment("n", 3));
        await SettleAsync(team);
        Assert.All(team.Replicas, r => Assert.Equal("""{"n":3}""", r.Get(E)!.ToJson()));
        await AssertEqualAsync(team);
    }

    [Fact]
    public async Task What_no_batch_could_name_is_kept_and_what_fills_several_is_purged_in_several()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        for (int i = 0; i < 8; i++) await FillAsync(new("d", "large", $"{i}"), 0, 800);
        for (int from = 0; from < 6_000; from += 1_000) await FillAsync(E, from, 1_000);
        await SettleAsync(team);
        await team[0].CommitAsync(tx =>
        {
            for (int i = 0; i < 8; i++) tx.Delete(new EntityKey("d", "large", $"{i}"));
            tx.Delete(E);
        });
        await SettleAsync(team);
        Assert.Equal(new PurgeResult(8, 0, 1), await team[1].PurgeAsync());
        await SettleAsync(team);
        Assert.All(team.Replicas, r => Assert.Equal([E], r.Keys().Where(k => !k.IsSpaceData)));
        await AssertEqualAsync(team);

        async Task FillAsync(EntityKey key, int from, int count) => await team[0].CommitAsync(tx =>
        {
            EntityEdit edit = tx.Upsert(key);
            for (int i = from; i < from + count; i++) edit.Add("tags", $"{i:D200}");
        });
    }

    [Fact]
    [Trait("Law", "14")]
    public async Task A_purge_waits_for_a_replica_that_is_silent_and_not_for_one_that_is_fenced()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E));
        await team[1].CommitAsync(tx => tx.Create(Keys[1]));
        await SettleAsync(team);
        await team[0].CommitAsync(tx => tx.Delete(E));
        for (int i = 0; i < 3; i++) await team.MeetAsync(0, 2);
        Assert.Equal(new PurgeResult(0, 1, 0), await team[2].PurgeAsync());
        await team[2].FenceAsync(team[1].Id, FenceReason.Retired);
        for (int i = 0; i < 3; i++) await team.MeetAsync(0, 2);
        Assert.Equal(new PurgeResult(1, 0, 0), await team[2].PurgeAsync());
    }

    [Fact]
    public async Task A_view_opened_before_a_purge_still_shows_what_was_deleted()
    {
        await using Team team = await Team.CreateAsync(1, 1, isProjecting: true, []);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team[0].CommitAsync(tx => tx.Delete(E));
        await SettleAsync(team);
        using (ReplicaView view = team[1].View())
        {
            Assert.Equal(1, (await team[1].PurgeAsync()).Purged);
            await team[1].CommitAsync(tx => tx.Create(Keys[1]));
            await team[1].FlushAsync();
            Assert.NotNull(view.GetWithDeleted(E));
            Assert.Null(team[1].GetWithDeleted(E));
        }
        await team[1].CommitAsync(tx => tx.Create(Keys[2]));
        Assert.False(team[1].Writer.Cache.Contains(E));
    }

    [Fact]
    public async Task With_an_interval_it_happens_of_its_own_accord()
    {
        await using Team team = await Team.CreateAsync(1);
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(Team.Start);
        await using Replica server = await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(9), ReplicaRole.Server)),
            new ReplicaOptions { Time = clock, Genesis = team.Genesis, PurgeInterval = TimeSpan.FromHours(1) });
        await team[0].CommitAsync(tx => tx.Create(E));
        await team[0].CommitAsync(tx => tx.Delete(E));
        for (int i = 0; i < 3; i++) await Team.MeetAsync(team[0], server);
        Assert.NotNull(server.GetWithDeleted(E));
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Null(server.GetWithDeleted(E));
        Assert.Null(server.PurgeError);
        await Team.MeetAsync(team[0], server);
        Assert.Null(team[0].GetWithDeleted(E));
        Assert.Empty(team[0].Keys("d"));
    }

    private static async Task<(List<string> Shown, int Purged)> RunAsync(int seed, bool purges)
    {
        var random = new Random(seed);
        await using Team team = await Team.CreateAsync(3, 2, isProjecting: seed % 3 == 0, [], isKeyed: seed % 2 == 0);
        // In an open space nobody can be reckoned with who was never heard of.
        foreach (Replica replica in team.Replicas) await replica.CommitAsync(tx => tx.Create(new("own", "t", $"{replica.Id}")));
        await team.MeetAllAsync();
        var shown = new List<string>();
        var latest = new (VersionVector? Vector, string Shown)[team.Replicas.Count];
        int purged = 0;
        for (int step = 0; step < 40; step++)
        {
            // One moment for each step: so no tie is decided by how many timestamps a purge has used up.
            foreach (var clock in team.Clocks) clock.Advance(TimeSpan.FromSeconds(1));
            int at = random.Next(5), other = random.Next(5), kind = random.Next(12), n = random.Next(3);
            EntityKey key = Keys[random.Next(Keys.Length)];
            if (kind < 6) await TryAsync(team[at], key, random.Next(6), n);
            else if (kind < 10 && at != other) await team.MeetAsync(at, other);
            else if (kind == 10) await team.MeetAllAsync();
            else if (purges) purged += (int)(await team[3 + (at % 2)].PurgeAsync()).Purged;
            shown.Add(Show(team, latest));
        }
        for (int i = 0; i < 2; i++) await team.MeetAllAsync();
        await AssertEqualAsync(team);
        shown.Add(Show(team, new (VersionVector?, string)[team.Replicas.Count]));
        return (shown, purged);
    }

    private static async Task TryAsync(Replica replica, EntityKey key, int what, int n)
    {
        try
        {
            await replica.CommitAsync(tx => _ = what switch
            {
                0 => tx.Create(key).Set("x", n),
                1 or 2 => tx.Delete(key),
                3 => tx.Update(key).Set("y", n).Add("tags", $"{n}"),
                4 => tx.Upsert(key).Increment("n", n - 1),
                _ => tx.Update(key).Set("x", n),
            });
        }
        catch (MutationException)
        {
            // It is there already, or not any more.
        }
    }

    /// <summary>A counter that was counted back to zero is shown as 0, unless it was purged: that is no difference.</summary>
    private static string Show(Replica replica) => string.Join('\n',
        Keys.Select(k => $"{k} {replica.Get(k)?.ToJson()}").Append($"{replica.Query("d", "t").Count()}"))
        .Replace("\"n\":0,", "", StringComparison.Ordinal).Replace("\"n\":0", "", StringComparison.Ordinal);

    // Only who holds other work than before may show anything else.
    private static string Show(Team team, (VersionVector? Vector, string Shown)[] latest)
    {
        for (int i = 0; i < latest.Length; i++)
        {
            if (latest[i].Vector != team[i].Vector) latest[i] = (team[i].Vector, Show(team[i]));
        }
        return string.Join('\n', latest.Select(l => l.Shown));
    }

    private static async Task AssertEqualAsync(Team team)
    {
        foreach (Replica replica in team.Replicas)
            Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(replica));
    }

    private static async Task SettleAsync(Team team)
    {
        for (int i = 0; i < 2; i++) await team.MeetAllAsync();
    }

    private static async Task EachAsync(Replica replica, int from, Action<Transaction, EntityKey> edit) =>
        await replica.CommitAsync(tx =>
        {
            for (int i = from; i < from + 500; i++) edit(tx, new("d", "t", $"bulk {i}"));
        });
}
