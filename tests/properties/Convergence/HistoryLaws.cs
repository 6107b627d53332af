using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Laws 4 and 11 about the past: what was read once is read again from the log.</summary>
public class HistoryLaws
{
    private static readonly EntityKey[] Keys = [.. Enumerable.Range(0, 4).Select(i => new EntityKey("d", "t", $"{i}"))];

    [Fact]
    [Trait("Law", "11")]
    public void What_was_read_at_a_vector_is_read_again_later_or_refused_where_a_snapshot_stands_for_it() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2, servers: 1);
            var seen = new List<(VersionVector Vector, EntityKey Key, string Read)>();
            for (int i = 0; i < 10; i++)
            {
                Replica at = team[random.Next(3)];
                await StepAsync(team, at, random, prunes: true);
                foreach (EntityKey key in Keys) seen.Add((at.Vector, key, Show(at.GetWithDeleted(key))));
            }
            await team.MeetAllAsync();
            foreach (Replica replica in team.Replicas)
            {
                foreach ((VersionVector vector, EntityKey key, string read) in seen)
                {
                    string? again = null;
                    try
                    {
                        again = Show(replica.GetAsOf(key, vector));
                    }
                    catch (HistoryException)
                    {
                        Assert.NotEmpty(replica.Snapshots);
                    }
                    if (again is not null) Assert.Equal(read, again);
                }
                foreach (EntityKey key in Keys)
                    Assert.Equal(Show(replica.GetWithDeleted(key)), Show(replica.GetAsOf(key, DateTimeOffset.MaxValue)));
            }
        });

    [Fact]
    [Trait("Law", "4")]
    public void Every_value_in_the_history_is_held_or_named_as_replaced_by_a_later_entry() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2, servers: 1);
            for (int i = 0; i < 10; i++) await StepAsync(team, team[random.Next(3)], random, prunes: random.Next(4) == 0);
            foreach (Replica replica in team.Replicas)
            {
                foreach (EntityKey key in Keys)
                {
                    var held = new HashSet<(FieldPath, Dot)>();
                    foreach (HistoryEntry entry in replica.History(key))
                    {
                        foreach (HistoryChange change in entry.Changes)
                        {
                            foreach (Sibling replaced in change.Replaced) Assert.True(held.Remove((change.Path, replaced.Dot)));
                            if (change.Written is { } written) Assert.True(held.Add((change.Path, written.Dot)));
                        }
                    }
                    Assert.True(held.SetEquals(replica.GetWithDeleted(key)?.AllSiblings() ?? []));
                }
            }
        });

    [Fact]
    [Trait("Law", "11")]
    public void As_of_a_time_is_as_of_the_vector_of_all_that_was_written_until_then() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2, servers: 1);
            for (int i = 0; i < 10; i++)
            {
                foreach (var clock in team.Clocks) clock.Advance(TimeSpan.FromMilliseconds(random.Next(3)));
                await StepAsync(team, team[random.Next(3)], random, prunes: false);
            }
            foreach (Replica replica in team.Replicas)
            {
                DateTimeOffset time = Team.Start.AddMilliseconds(random.Next(40));
                var until = VersionVector.From(replica.Mutations().Select(q => q.Mutation)
                    .Where(m => m.CreatedAt <= time).Select(m => m.Dot));
                foreach (EntityKey key in Keys) Assert.Equal(Show(replica.GetAsOf(key, until)), Show(replica.GetAsOf(key, time)));
            }
        });

    [Fact]
    public async Task The_entity_is_shown_as_it_was_behind_a_mutation_with_who_wrote_what_and_what_that_replaced()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Keys[0]).Set("f", "first"), user: "ana");
        await team[0].CommitAsync(tx => tx.Update(Keys[0]).Set("f", "second"), user: "ben");
        await team[0].CommitAsync(tx => tx.Delete(Keys[0]), user: "cem");
        HistoryEntry[] all = [.. team[0].History(Keys[0])], field = [.. team[0].History(Keys[0], "f")];
        Assert.Equal(["ana", "ben", "cem"], all.Select(e => e.Mutation!.User));
        HistoryChange second = Assert.Single(field[1].Changes);
        Assert.Equal("second", second.Written!.Value.Value.AsString());
        Assert.Equal("first", Assert.Single(second.Replaced).Value.AsString());
        Assert.Equal("""{"f":"first"}""", team[0].GetAsOf(Keys[0], all[0].Mutation!.Dot)!.ToJson());
        Assert.Equal("""{"f":"second"}""", team[0].GetAsOf(Keys[0], all[1].Mutation!.Dot)!.ToJson());
        Assert.False(team[0].GetAsOf(Keys[0], all[2].Mutation!.Dot)!.Exists);
        Assert.Null(team[0].GetAsOf(Keys[0], Team.Start.AddYears(-1)));
        HistoryException error = Assert.Throws<HistoryException>(() => team[0].GetAsOf(Keys[1], all[0].Mutation!.Dot));
        Assert.Contains(Keys[1].ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_parts_of_the_log_that_may_be_about_the_entity_are_read()
    {
        var genesis = SpaceGenesis.Create(Team.IdOf(200), "test", [], TimeProvider.System);
        var store = new GatedStore(new MemoryReplicaStore(new ReplicaIdentity(genesis.Space, Team.IdOf(1), ReplicaRole.Client)));
        await using Replica replica = await Replica.OpenAsync(
            store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, MutationsPerZone = 16 });
        for (int i = 0; i < 2_000; i++)
            await replica.CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", $"{i % 400}")).Set("n", i));
        EntityKey key = new("d", "t", "17");
        // The first looks through the log, for the index; that stays.
        Assert.Equal([17L, 417, 817, 1_217, 1_617], Values());
        long before = store.EntriesRead;
        Assert.Equal([17L, 417, 817, 1_217, 1_617], Values());
        // Five zones of 16, and the rest that no zone is closed of, and some zones in vain.
        Assert.InRange(store.EntriesRead - before, 5, 400);
        before = store.EntriesRead;
        Assert.Equal(1_617, replica.GetAsOf(key, DateTimeOffset.MaxValue)!.GetInteger("n"));
        Assert.InRange(store.EntriesRead - before, 5, 400);

        long[] Values() => [.. replica.History(key, "n").Select(e => e.Changes[0].Written!.Value.Value.AsInteger())];
    }

    private static async Task StepAsync(Team team, Replica at, Random random, bool prunes)
    {
        switch (random.Next(prunes ? 7 : 6))
        {
            case 0 or 1:
                int a = random.Next(3);
                await team.MeetAsync(a, (a + 1 + random.Next(2)) % 3);
                break;
            case 2 when at.Get(Keys[0]) is not null:
                await at.CommitAsync(tx => tx.Delete(Keys[0]));
                break;
            case 6:
                if (team[2].Vector.Count > 0) await team[2].TakeSnapshotAsync();
                await at.PruneAsync();
                break;
            default:
                await at.CommitAsync(tx => tx.Upsert(Keys[random.Next(Keys.Length)])
                    .Set("f", random.Next(100)).Increment("c").Add("s", $"{random.Next(3)}").Discard("s", "1"));
                break;
        }
    }

    private static string Show(Entity? entity) => entity is null ? "never" : entity.Exists ? entity.ToJson() : "deleted";
}
