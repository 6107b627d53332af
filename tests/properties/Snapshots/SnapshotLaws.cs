using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Laws 2, 3 and 11 over generated schedules.</summary>
public class SnapshotLaws
{
    private static readonly Gen<(bool IsProjecting, bool IsKeyed)> Others = Gen.Elements((true, false), (false, true), (true, true));

    private int pruned, joined;

    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "11")]
    public void Dropping_logs_and_joining_snapshots_changes_no_read_on_any_replica()
    {
        Law.Holds(Schedules.WithSnapshots, async schedule =>
        {
            await using World world = await World.RunAsync(schedule);
            await MeetNewcomersAsync(world);
        }, size: 40);
        // Enough of the cases are about what they are meant to be about.
        Assert.True(!Law.HasAllCases || (pruned > 50 && joined > 100), $"{pruned} logs were dropped, {joined} snapshots joined");
    }

    [Fact]
    [Trait("Law", "11")]
    public void Nor_in_a_keyed_space_or_where_entities_are_read_back_from_a_projection() => Law.Holds(Schedules.WithSnapshots.Under(Others), async life =>
    {
        await using World world = await World.RunAsync(life.Schedule, life.Setting.IsProjecting, life.Setting.IsKeyed);
        await MeetNewcomersAsync(world);
    });

    /// <summary>Three servers, each with a part of what was written and a snapshot of it; somebody joins all three, in some
    /// order, perhaps twice, with own work of their own.</summary>
    [Fact]
    [Trait("Law", "2")]
    [Trait("Law", "3")]
    public void Joining_commutes_associates_is_idempotent_and_equals_applying_the_logs() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2, servers: 3);
            for (int i = 0; i < 40; i++)
            {
                int at = random.Next(5);
                if (random.Next(3) == 0) await team.MeetAsync(at, (at + 1 + random.Next(4)) % 5);
                else await WriteAsync(team[at], random);
            }
            var taken = new List<Taken>();
            for (int i = 2; i < 5; i++) taken.Add(await Taken.FromAsync(team[i]));

            VersionVector all = taken.Aggregate(VersionVector.Empty, (v, t) => v.Merge(t.Manifest.Vector));
            await using Replica logs = await NewcomerAsync(team);
            for (int i = 2; i < 5; i++) await Team.MeetAsync(logs, await CopyAsync(team, i));
            Assert.Equal(all, logs.Vector);
            string expected = await World.DumpAsync(logs);
            foreach (int[] order in (int[][])[[0, 1, 2], [2, 1, 0], [1, 0, 2, 0, 1], [2, 2, 0, 1]])
            {
                await using Replica joined = await NewcomerAsync(team);
                foreach (int i in order)
                {
                    await taken[i].JoinAsync(joined);
                    string once = await World.DumpAsync(joined);
                    await taken[i].JoinAsync(joined);
                    Assert.Equal(once, await World.DumpAsync(joined));
                }
                Assert.Equal(all, joined.Vector);
                Assert.Equal(expected, await World.DumpAsync(joined));
                Assert.Empty((await joined.AuditAsync()).Unaccounted);
            }

            // The joint state, made into a snapshot and joined again, is the same: so grouping has no influence either.
            await using Replica first = await NewcomerAsync(team, ReplicaRole.Server);
            await taken[1].JoinAsync(first);
            await taken[2].JoinAsync(first);
            await using Replica second = await NewcomerAsync(team);
            await taken[0].JoinAsync(second);
            await (await Taken.FromAsync(first)).JoinAsync(second);
            Assert.Equal(expected, await World.DumpAsync(second));
        });

    /// <summary>A newcomer gets to know everything from any one of them, and so does one that hears it from the newcomer.</summary>
    private async Task MeetNewcomersAsync(World world)
    {
        int count = world.Team.Replicas.Count;
        pruned += world.Team.Replicas.Count(r => r.PrunedTo.Count > 0);
        for (int i = 0; i < count; i++)
        {
            await world.Team.AddAsync();
            await world.Team.MeetAsync(i, world.Team.Replicas.Count - 1);
            await world.CheckAsync(world.Team.Replicas.Count - 1);
        }
        await world.Team.AddAsync();
        await world.Team.MeetAsync(count, world.Team.Replicas.Count - 1);
        await world.CheckAsync(world.Team.Replicas.Count - 1);
        joined += world.Team.Replicas.Count(r => r.Role == ReplicaRole.Client && r.Snapshots.Count > 0);
    }

    private static async Task WriteAsync(Replica replica, Random random)
    {
        try
        {
            await replica.CommitAsync(tx =>
            {
                EntityKey key = new("d", "t", $"{random.Next(3)}");
                if (random.Next(8) == 0) tx.Delete(key);
                else tx.Upsert(key).Set($"f{random.Next(3)}", random.Next(4)).Increment("n").Add("tags", $"{random.Next(3)}");
            });
        }
        catch (MutationException)
        {
            // There was nothing to delete.
        }
    }

    private static async Task<Replica> CopyAsync(Team team, int index)
    {
        // The server as it was when its snapshot was made: nothing was written since.
        await team.ReopenAsync(index);
        return team[index];
    }

    private static async Task<Replica> NewcomerAsync(Team team, ReplicaRole role = ReplicaRole.Client)
    {
        await Task.CompletedTask;
        return await Replica.OpenAsync(
            new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(50), role)),
            new ReplicaOptions { Time = team.Clocks[0], Genesis = team.Genesis });
    }
}
