using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

[Trait("Law", "8")]
public class ClockLaws
{
    private const long DriftMs = 300_000;

    /// <summary>A wall clock that jumps, remote timestamps from anywhere: what is issued only ever grows.</summary>
    [Fact]
    public void Timestamps_strictly_increase_and_nobody_pulls_the_clock_beyond_the_bound() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var wall = new FakeTimeProvider(Team.Start);
            var clock = new HybridLogicalClock(wall, TimeSpan.FromMilliseconds(DriftMs));
            HybridTimestamp last = default;
            for (int i = 0; i < 100; i++)
            {
                long wallMs = wall.GetUtcNow().ToUnixTimeMilliseconds();
                switch (random.Next(5))
                {
                    case 0:
                        wall.AdjustTime(random.Next(8) == 0 ? DateTimeOffset.UnixEpoch
                            : wall.GetUtcNow().AddMilliseconds(Math.Max(-wallMs, random.Next(-7_200_000, 7_200_000))));
                        break;
                    case 1:
                        var remote = new HybridTimestamp((ulong)((wallMs + random.NextInt64(-DriftMs, 2 * DriftMs)) << 16)
                            | (uint)random.Next(65_534, 65_536));
                        HybridTimestamp before = clock.Last;
                        clock.Witness(remote);
                        Assert.True(clock.Last >= before);
                        if (clock.Last > before) Assert.True(clock.Last <= HybridTimestamp.FromUnixMs(wallMs + DriftMs));
                        if (remote.UnixMs < wallMs + DriftMs) Assert.True(clock.Last >= remote);
                        break;
                    case 2 when random.Next(4) == 0:
                        clock.Witness(new HybridTimestamp(ulong.MaxValue));
                        break;
                    default:
                        HybridTimestamp now = clock.Tick();
                        Assert.True(now > last);
                        Assert.True(now >= HybridTimestamp.FromUnixMs(wallMs));
                        last = now;
                        break;
                }
            }
        }, count: 200);

    [Fact]
    public void The_counter_carries_into_the_milliseconds()
    {
        var wall = new FakeTimeProvider(Team.Start);
        var clock = new HybridLogicalClock(wall, TimeSpan.FromMilliseconds(DriftMs));
        HybridTimestamp first = clock.Tick();
        clock.Witness(new HybridTimestamp(first.Bits | 0xFFFF));
        HybridTimestamp next = clock.Tick();
        Assert.Equal((first.UnixMs + 1, 0), (next.UnixMs, next.Counter));
    }

    [Fact]
    public async Task A_replica_goes_on_after_its_own_last_timestamp_when_it_is_opened_again_with_its_clock_set_back()
    {
        await using Team team = await Team.CreateAsync(1);
        EntityKey key = new("d", "t", "1");
        foreach (double hours in new[] { 0.0, -1, 10, -500_000, -1 })
        {
            team.Clocks[0].AdjustTime(Max(team.Clocks[0].GetUtcNow().AddHours(hours)));
            await team[0].CommitAsync(tx => tx.Upsert(key).Set("n", hours));
            await team.ReopenAsync(0);
        }
        HybridTimestamp[] issued = [.. team[0].Mutations(new() { Author = team[0].Id }).Select(m => m.Mutation.Timestamp)];
        Assert.Equal(5, issued.Length);
        Assert.Equal(issued.Distinct().Order(), issued);
        Assert.Equal(-1.0, team[0].Get(key)!.GetDouble("n"));

        static DateTimeOffset Max(DateTimeOffset time) => time < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : time;
    }

    /// <summary>Semantics 13, schedule 12.</summary>
    [Fact]
    public async Task Clocks_that_are_wrong_lock_nobody_out_and_who_saw_a_write_replaces_it()
    {
        await using Team team = await Team.CreateAsync(3, servers: 1);
        EntityKey key = new("d", "t", "1");
        team.Clocks[1].AdjustTime(Team.Start.AddHours(-1));
        team.Clocks[2].AdjustTime(DateTimeOffset.UnixEpoch);
        await team[0].CommitAsync(tx => tx.Create(key).Set("n", 0));
        for (int round = 1; round <= 3; round++)
        {
            for (int device = 0; device < 3; device++)
            {
                await team.MeetAllAsync();
                int value = (10 * round) + device;
                await team[device].CommitAsync(tx => tx.Update(key).Set("n", value));
                await team.MeetAllAsync();
                Assert.All(team.Replicas, r => Assert.Equal(value, r.Get(key)!.GetInteger("n")));
                Assert.All(team.Replicas, r => Assert.Single(r.Get(key)!.Siblings("n")));
            }
        }
        Assert.Equal(0, (await team[2].GetStatusAsync()).Pending);
    }

    [Fact]
    public async Task A_clock_before_1970_takes_part_as_well()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        foreach (FakeTimeProvider clock in team.Clocks) clock.AdjustTime(DateTimeOffset.UnixEpoch.AddYears(-30));
        EntityKey key = new("d", "t", "1");
        await team[0].CommitAsync(tx => tx.Create(key).Set("n", 1));
        await team.MeetAllAsync();
        for (int i = 0; i < 3; i++)
        {
            await team.ReopenAsync(i);
            Assert.Equal(1, team[i].Get(key)!.GetInteger("n"));
            Assert.Equal(0, (await team[i].GetStatusAsync()).Pending);
        }
    }
}
