using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Laws 3 to 5: what arrives in whatever order, what survives whom.</summary>
public class SurvivalLaws
{
    private static readonly Arbitrary<(Schedule Past, Edit Edit, int Seed)> PastAndEdit = Arb.From(
        from past in Schedules.Any.Generator
        from edit in Edits.Any
        from seed in Gen.Choose(0, int.MaxValue)
        select (past, edit, seed));

    /// <summary>Runs are handed to newcomers in any order that their gaps and causes allow; every other order is
    /// refused and changes nothing.</summary>
    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "3")]
    public void Every_order_of_arrival_that_is_not_refused_ends_in_the_same_state() => Law.Holds(Schedules.Any, async schedule =>
    {
        await using World world = await World.LiveAsync(schedule);
        IReadOnlyList<BatchRun> runs = await World.RunsOfAsync(world.Team[0]);
        string expected = await World.DumpAsync(world.Team[0]);
        var random = new Random(schedule.Steps.Length);
        for (int newcomer = 0; newcomer < 2; newcomer++)
        {
            Replica replica = await world.Team.AddAsync();
            var left = new List<BatchRun>(runs.Where(r => replica.Vector[r.Author] < r.LastSequence));
            while (left.Count > 0)
            {
                BatchRun run = left[random.Next(left.Count)];
                string before = left.Count % 4 == 0 ? await World.DumpAsync(replica) : "";
                try
                {
                    Assert.True(await replica.ApplyAsync(run, default));
                    left.Remove(run);
                }
                catch (ApplyException error)
                {
                    Assert.Contains(error.Error, new[] { ApplyError.Gap, ApplyError.UnknownObservedDot });
                    if (before.Length > 0) Assert.Equal(before, await World.DumpAsync(replica));
                }
            }
            Assert.Equal(expected, await World.DumpAsync(replica));
        }
    }, size: 40);

    [Fact]
    [Trait("Law", "5")]
    public void A_delete_that_did_not_see_an_update_leaves_the_whole_entity() => Law.Holds(PastAndEdit, async c =>
    {
        await using World world = await World.LiveAsync(c.Past);
        EntityKey key = World.Keys[0];
        (Replica a, Replica b) = (world.Team[0], world.Team[1]);
        await a.CommitAsync(tx => tx.Upsert(key).Set("b", 1));
        await world.Team.MeetAllAsync();
        CommitResult update = await b.CommitAsync(tx =>
        {
            EntityEdit noted = tx.Update(key);
            if (c.Edit.Kind != EditIntent.Resolve) foreach (Op op in c.Edit.Ops) op.On(noted);
        });
        string updated = b.Get(key)!.ToJson();
        await a.CommitAsync(tx => tx.Delete(key));
        await world.Team.MeetAllAsync();
        foreach (Replica replica in world.Team.Replicas)
        {
            if (update.Count == 0) Assert.Null(replica.Get(key));
            else Assert.Equal(updated, replica.Get(key)!.ToJson());
        }
    }, size: 25);

    [Fact]
    [Trait("Law", "5")]
    public void An_add_survives_every_removal_that_did_not_see_it() => Law.Holds(PastAndEdit, async c =>
    {
        await using World world = await World.LiveAsync(c.Past);
        var random = new Random(c.Seed);
        EntityKey key = World.Keys[0];
        await world.Team[0].CommitAsync(tx => tx.Upsert(key).Remove("t").Add("t", "p").Add("t", "q"));
        await world.Team.MeetAllAsync();
        var removals = new Action<EntityEdit>[]
        {
            e => e.Discard("t", "p"), e => e.Remove("t"), e => e.Replace(Value.EmptyObject),
            e => e.Patch(Value.ParseJson("""{"t":null}""")), e => e.Replace(Value.ParseJson("""{"t":["q"]}""")),
        };
        await world.Team[0].CommitAsync(tx => removals[random.Next(removals.Length)](tx.Update(key)));
        await world.Team[1].CommitAsync(tx => tx.Update(key).Add("t", "p"));
        await world.Team.MeetAllAsync();
        Assert.All(world.Team.Replicas, r => Assert.Contains("p", r.Get(key)!.GetSet("t")));
        await world.Team[1].CommitAsync(tx => tx.Update(key).Discard("t", "p"));
        await world.Team.MeetAllAsync();
        Assert.All(world.Team.Replicas, r => Assert.DoesNotContain("p", r.Get(key)!.GetSet("t")));
    }, size: 25);

    [Fact]
    public void A_counter_is_the_sum_of_all_that_was_counted_by_whomever() => Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
    {
        var random = new Random(seed);
        await using Team team = await Team.CreateAsync(3);
        EntityKey key = World.Keys[0];
        await team[0].CommitAsync(tx => tx.Create(key));
        await team.MeetAllAsync();
        long sum = 0;
        for (int i = 0; i < 20; i++)
        {
            int at = random.Next(3);
            if (random.Next(3) == 0) await team.MeetAsync(at, (at + 1) % 3);
            if (random.Next(6) == 0) await team.ReopenAsync(at);
            long by = random.Next(-5, 6);
            await team[at].CommitAsync(tx => tx.Update(key).Increment("n", by));
            sum += by;
        }
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal((Int128)sum, r.Get(key)!.GetCounter("n")));
    });
}
