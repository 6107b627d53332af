using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Laws 1 to 6 over generated schedules: the world compares after every step.</summary>
public class ConvergenceLaws
{
    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "2")]
    [Trait("Law", "6")]
    public void Replicas_of_equal_vectors_hold_and_show_the_same_which_is_what_the_history_says() =>
        Law.Holds(Schedules.Any, async schedule =>
        {
            await using World world = await World.RunAsync(schedule);
        }, size: 40);

    [Fact]
    [Trait("Law", "1")]
    public void So_do_replicas_that_read_entities_back_from_a_projection() => Law.Holds(Schedules.Any, async schedule =>
    {
        await using World world = await World.RunAsync(schedule, isProjecting: true);
    });

    /// <summary>With room for a hundred entities and three hundred in use, most are forgotten again and again, also
    /// while views are open.</summary>
    [Fact]
    [Trait("Law", "12")]
    public void A_replica_that_forgets_reads_like_one_that_does_not() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team forgets = await Team.CreateAsync(new TeamOptions { Devices = 1, IsProjecting = true });
            await using Replica keeps = await Replica.OpenAsync(
                new MemoryReplicaStore(new(forgets.Genesis.Space, Team.IdOf(9), ReplicaRole.Client)),
                new ReplicaOptions { Time = forgets.Clocks[0], Genesis = forgets.Genesis });
            (ReplicaView Forgets, ReplicaView Keeps)? views = null;
            for (int i = 0; i < 8; i++)
            {
                Replica writer = random.Next(3) == 0 ? keeps : forgets[0];
                await writer.CommitAsync(tx =>
                {
                    for (int n = random.Next(1, 30); n > 0; n--) tx.Upsert(Key(random)).Set("n", random.Next(5)).Increment("c");
                });
                await Team.MeetAsync(forgets[0], keeps);
                for (int n = 0; n < 10; n++)
                {
                    EntityKey key = Key(random);
                    Assert.Equal(keeps.Get(key)?.ToJson(), forgets[0].Get(key)?.ToJson());
                    if (views is { } open) Assert.Equal(open.Keeps.Get(key)?.ToJson(), open.Forgets.Get(key)?.ToJson());
                }
                if (random.Next(5) == 0 && views is { } held)
                {
                    Assert.Equal(Show(held.Keeps), Show(held.Forgets));
                    held.Keeps.Dispose();
                    held.Forgets.Dispose();
                    views = null;
                }
                else if (views is null && random.Next(3) == 0) views = (forgets[0].View(), keeps.View());
                if (random.Next(15) == 0)
                {
                    views = null;
                    await forgets.ReopenAsync(0);
                }
            }
            views?.Forgets.Dispose();
            for (int i = 0; i < 3; i++) await forgets[0].CommitAsync(tx => tx.Upsert(Key(random)).Increment("c"));
            Assert.InRange(forgets[0].Writer.Cache.Count, 1, 100);
            await Team.MeetAsync(forgets[0], keeps);
            Assert.Equal((await keeps.GetStatusAsync()).Digest, (await forgets[0].GetStatusAsync()).Digest);
            Assert.Empty((await forgets[0].AuditAsync()).Unaccounted);
        });

    private static EntityKey Key(Random random) => new("d", "t", $"{random.Next(300)}");

    private static List<string> Show(ReplicaView view) => [.. view.Query("d", "t").Select(e => $"{e} {e.ToJson()}")];
}
