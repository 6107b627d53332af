using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>What a query answers is what the entities of one moment say, whatever the projection has of it.</summary>
public class EntityQueryTests
{
    private static readonly SpaceGenesis Genesis =
        SpaceGenesis.Create(Team.IdOf(200), "test", [], new FakeTimeProvider(Team.Start));

    private static readonly string[] Conditions =
        ["n = 3", "n > 4", "n >= 2 AND n < 6", "name LIKE 'b%'", "n = 1 OR name = 'c'", "n IS NULL", "NOT n = 3", "n != 5 AND name > 'a'"];

    private static EntityKey Key(int number) => new("incident", "strike", $"{number}");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_query_answers_as_a_scan_of_its_moment_would_whatever_is_projected_when(int seed)
    {
        var random = new Random(seed);
        var store = new ProjectingStore(new ReplicaIdentity(Genesis.Space, Team.IdOf(1), ReplicaRole.Client));
        await using Replica replica = await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = new FakeTimeProvider(Team.Start),
            Genesis = Genesis,
            ProjectedEntitiesPerUpdate = 5,
            CachedEntitiesMax = 100,
        });
        await replica.EnsureIndexAsync("incident", "strike", "n");
        await replica.EnsureIndexAsync("incident", "strike", "name");
        var open = new List<(ReplicaView View, string[] All)>();
        for (int round = 0; round < 150; round++)
        {
            await ChangeAsync(replica, random);
            if (random.Next(8) == 0) await replica.FlushAsync();
            if (random.Next(6) == 0)
            {
                ReplicaView opened = replica.View();
                open.Add((opened, Show(opened.Query("incident", "strike"))));
            }
            foreach ((ReplicaView view, string[] all) in open)
            {
                Assert.Equal(all, Show(view.Query("incident", "strike")));
                await CompareAsync(view, random, replica);
            }
            using (ReplicaView now = replica.View()) await CompareAsync(now, random, replica);
            if (open.Count > 3)
            {
                open[0].View.Dispose();
                open.RemoveAt(0);
            }
        }
        foreach ((ReplicaView view, string[] _) in open) view.Dispose();
    }

    [Fact]
    public async Task Who_commits_sees_it_at_once_though_nothing_was_projected()
    {
        var store = new ProjectingStore(new ReplicaIdentity(Genesis.Space, Team.IdOf(1), ReplicaRole.Client));
        await using Replica replica = await Replica.OpenAsync(
            store, new ReplicaOptions { Time = new FakeTimeProvider(Team.Start), Genesis = Genesis });
        await replica.EnsureIndexAsync("incident", "strike", "n");
        await replica.CommitAsync(tx => tx.Create(Key(1)).Set("n", 1));
        await replica.FlushAsync();
        await replica.CommitAsync(tx => tx.Update(Key(1)).Set("n", 2));
        await replica.CommitAsync(tx => tx.Create(Key(2)).Set("n", 1));
        EntityQuery ones = replica.Query("incident", "strike").Where("n = 1");
        Assert.Equal(["n"], ones.Explain().Indexes.Select(i => i.Field.ToString()));
        Assert.Equal(2, ones.Explain().Unprojected);
        Assert.Equal(["2"], ones.Select(e => e.Key.Id));
        await replica.CommitAsync(tx => tx.Delete(Key(2)));
        Assert.Empty(ones);
    }

    [Fact]
    public async Task What_a_new_policy_makes_of_concurrent_values_is_found_though_the_projection_has_it_otherwise()
    {
        var store = new ProjectingStore(new ReplicaIdentity(Genesis.Space, Team.IdOf(1), ReplicaRole.Server));
        await using Replica server = await Replica.OpenAsync(
            store, new ReplicaOptions { Time = new FakeTimeProvider(Team.Start), Genesis = Genesis });
        await using Replica device = await Replica.OpenAsync(
            new MemoryReplicaStore(new ReplicaIdentity(Genesis.Space, Team.IdOf(2), ReplicaRole.Client)),
            new ReplicaOptions { Time = new FakeTimeProvider(Team.Start.AddMinutes(1)) });
        await server.CommitAsync(tx => tx.Create(Key(1)).Set("n", 0));
        await Team.MeetAsync(server, device);
        await server.CommitAsync(tx => tx.Update(Key(1)).Set("n", 1));
        await device.CommitAsync(tx => tx.Update(Key(1)).Set("n", 2));
        await Team.MeetAsync(server, device);
        await server.EnsureIndexAsync("incident", "strike", "n");
        await server.FlushAsync();
        EntityQuery one = server.Query("incident", "strike").Where("n = 1"), two = server.Query("incident", "strike").Where("n = 2");
        Assert.Empty(one);
        Assert.Single(two);
        await server.CommitAsync(tx => tx.SetPolicy(new PolicyScope("incident", "strike", "n"), ConflictPolicy.FirstWriteWins));
        Entity read = server.Get(Key(1))!;
        Assert.Equal(read.GetInteger("n") == 1 ? 1 : 0, one.Count());
        Assert.Equal(read.GetInteger("n") == 2 ? 1 : 0, two.Count());
        Assert.Equal(1, read.GetInteger("n"));
    }

    [Fact]
    public async Task Steps_of_a_query_leave_the_one_before_as_it_was()
    {
        await using var team = await Team.CreateAsync(1);
        for (int i = 0; i < 10; i++) await team[0].CommitAsync(tx => tx.Create(Key(i)).Set("n", i % 3));
        EntityQuery all = team[0].Query("incident", "strike"), ones = all.Where("n = 1");
        Assert.Equal(10, all.Count());
        Assert.Equal(["1", "4", "7"], ones.Select(e => e.Key.Id));
        Assert.Equal(["4"], ones.Offset(1).Limit(1).Select(e => e.Key.Id));
        Assert.Equal(["4", "7"], ones.Where("n > 0").Where(e => e.Key.Id != "1").Select(e => e.Key.Id));
        Assert.Equal(["0", "3", "6", "9", "1"], all.OrderBy("n").Limit(5).Select(e => e.Key.Id));
        Assert.Equal(["8", "5", "2"], all.OrderByDescending("n").Limit(3).Select(e => e.Key.Id));
        Assert.Empty(all.Limit(0));
        Assert.Empty(ones.Explain().Indexes);
    }

    [Fact]
    public async Task An_index_is_over_a_field_by_names_alone()
    {
        await using var team = await Team.CreateAsync(1);
        await Assert.ThrowsAsync<ArgumentException>(async () => await team[0].EnsureIndexAsync("d", "t", FieldPath.Root));
        await Assert.ThrowsAsync<ArgumentException>(async () => await team[0].EnsureIndexAsync("d", "t", FieldPath.Field("tags").Element("x")));
        await Assert.ThrowsAsync<ArgumentException>(async () => await team[0].EnsureIndexAsync("d/e", "t", "n"));
        await team[0].EnsureIndexAsync("d", "t", "n");
        await team[0].EnsureIndexAsync("d", "t", "n");
        Assert.Equal([new EntityIndex("d", "t", "n")], team[0].Indexes);
        Assert.True(await team[0].DropIndexAsync("d", "t", "n"));
        Assert.False(await team[0].DropIndexAsync("d", "t", "n"));
        Assert.Empty(team[0].Indexes);
    }

    private static async Task ChangeAsync(Replica replica, Random random)
    {
        for (int i = random.Next(4); i > 0; i--)
        {
            EntityKey key = Key(random.Next(40));
            if (random.Next(8) == 0 && replica.Get(key) is not null)
            {
                await replica.CommitAsync(tx => tx.Delete(key));
                continue;
            }
            await replica.CommitAsync(tx =>
            {
                EntityEdit edit = tx.Upsert(key);
                if (random.Next(3) > 0) edit.Set("n", random.Next(8));
                if (random.Next(3) > 0) edit.Set("name", "abcd"[random.Next(4)..]);
                if (random.Next(6) == 0) edit.Set("n", "seven");
            });
        }
    }

    private static async Task CompareAsync(ReplicaView view, Random random, Replica replica)
    {
        EntityFilter filter = EntityFilter.Parse(Conditions[random.Next(Conditions.Length)]);
        Entity[] expected = [.. replica.Keys("incident", "strike").Select(view.Get).OfType<Entity>().Where(filter.Holds)];
        Assert.Equal(Show(expected), Show(view.Query("incident", "strike").Where(filter)));

        bool isDescending = random.Next(2) == 0;
        EntityQuery sorted = view.Query("incident", "strike").Where(filter).Limit(random.Next(1, 30)).Offset(random.Next(3));
        sorted = isDescending ? sorted.OrderByDescending("n") : sorted.OrderBy("n");
        Assert.True(sorted.Explain().IsSortedByIndex);
        IEnumerable<Entity> inOrder = expected
            .Order(Comparer<Entity>.Create((a, b) => ValueOrder.Sort(a["n"] ?? Value.Null, b["n"] ?? Value.Null) is var o and not 0 ? o : a.Key.CompareTo(b.Key)));
        if (isDescending) inOrder = inOrder.Reverse();
        string[] wanted = Show(inOrder.Skip(sorted.Skipped).Take(sorted.Most!.Value));
        if (random.Next(3) > 0)
        {
            Assert.Equal(wanted, Show(sorted));
            return;
        }
        // Others commit, and the projection follows, while the answer is read.
        var shown = new List<string>();
        foreach (Entity entity in sorted)
        {
            shown.AddRange(Show([entity]));
            await ChangeAsync(replica, random);
            if (random.Next(4) == 0) await replica.FlushAsync();
        }
        Assert.Equal(wanted, shown);
    }

    private static string[] Show(IEnumerable<Entity> entities) => [.. entities.Select(e => $"{e.Key.Id} {e.ToJson()}")];
}
