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
        });

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

    /// <summary>With the offset to a server known, the same holds around the server's time: whatever the own wall clock
    /// shows, and also when another server shows another time.</summary>
    [Fact]
    public void With_an_offset_the_bound_lies_around_the_time_it_leads_to() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var wall = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(random.Next(40_000)));
            var clock = new HybridLogicalClock(wall, TimeSpan.FromMilliseconds(DriftMs));
            HybridTimestamp last = default;
            for (int i = 0; i < 100; i++)
            {
                long nowMs = Math.Max(0, wall.GetUtcNow().ToUnixTimeMilliseconds() + clock.OffsetMs);
                switch (random.Next(5))
                {
                    case 0:
                        clock.OffsetMs = random.NextInt64(-HybridTimestamp.MillisecondsMax, HybridTimestamp.MillisecondsMax) >> random.Next(20);
                        if (clock.OffsetMs + wall.GetUtcNow().ToUnixTimeMilliseconds() > HybridTimestamp.MillisecondsMax - (2 * DriftMs))
                            clock.OffsetMs = 0;
                        break;
                    case 1:
                        wall.Advance(TimeSpan.FromMilliseconds(random.Next(1_000_000)));
                        break;
                    case 2:
                        HybridTimestamp before = clock.Last;
                        clock.Witness(new HybridTimestamp(((ulong)Math.Max(0, nowMs + random.NextInt64(-DriftMs, 3 * DriftMs)) << 16) | 0xFFFF));
                        if (clock.Last > before) Assert.True(clock.Last <= HybridTimestamp.FromUnixMs(nowMs + DriftMs));
                        break;
                    default:
                        HybridTimestamp now = clock.Tick();
                        Assert.True(now > last && now >= HybridTimestamp.FromUnixMs(nowMs));
                        last = now;
                        break;
                }
            }
        });

    /// <summary>Semantics 13, schedule 12: every round somebody writes after having seen the last value, on whatever clock.</summary>
    [Theory]
    [Trait("Schedule", "12")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Clocks_that_are_wrong_lock_nobody_out_and_who_saw_a_write_replaces_it(int servers)
    {
        await using Team team = await Team.CreateAsync(3, servers);
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
        Assert.Equal(servers == 0, (await team[2].GetStatusAsync()).Pending > 0);
        CheckOrder(team);
    }

    /// <summary>Semantics 13, schedule 12: the furthest that anybody can pull a clock, with no counter left in that millisecond.</summary>
    [Fact]
    [Trait("Schedule", "12")]
    public async Task A_timestamp_at_the_bound_with_its_counter_used_up_keeps_the_order_and_locks_nobody_out()
    {
        await using Team team = await Team.CreateAsync(3);
        EntityKey key = new("d", "t", "1");
        var bound = new HybridTimestamp(((ulong)Team.Start.AddMilliseconds(DriftMs).ToUnixTimeMilliseconds() << 16) | 0xFFFF);
        await team[0].Writer.EnqueueAsync(new CallWork(w => w.Clock.Restore(new HybridTimestamp(bound.Bits - 1))), default);
        await team[0].CommitAsync(tx => tx.Create(key).Set("n", 0));
        Assert.Equal(bound, team[0].Get(key)!.UpdatedAt);
        team.Clocks[1].AdjustTime(Team.Start.AddHours(-1));
        team.Clocks[2].AdjustTime(DateTimeOffset.UnixEpoch);
        for (int i = 1; i <= 6; i++)
        {
            await team.MeetAllAsync();
            int n = i;
            await team[i % 3].CommitAsync(tx => tx.Update(key).Set("n", n));
            await team.MeetAllAsync();
            Assert.All(team.Replicas, r => Assert.Equal(n, r.Get(key)!.GetInteger("n")));
        }
        CheckOrder(team);
        // Nobody was pulled further than the bound allows, so whose clock is right is believed from then on.
        Assert.True(team[1].Writer.Clock.Last <= HybridTimestamp.FromUnixMs(Team.Start.AddMilliseconds(2 * DriftMs).ToUnixTimeMilliseconds()));
    }

    /// <summary>A device whose clock battery is dead, concurrently with others: fair once it has met a server.</summary>
    [Fact]
    [Trait("Schedule", "12")]
    public async Task A_device_in_1970_wins_its_share_of_concurrent_writes_once_it_has_met_a_server()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        EntityKey key = new("d", "t", "1");
        team.Clocks[1].AdjustTime(DateTimeOffset.UnixEpoch);
        await team[0].CommitAsync(tx => tx.Create(key));
        await team.MeetAllAsync();
        await team.ReopenAsync(1);
        team.Clocks[1].Advance(TimeSpan.FromMinutes(2));
        team.Clocks[0].Advance(TimeSpan.FromMinutes(1));
        await team[0].CommitAsync(tx => tx.Update(key).Set("n", "earlier"));
        await team[1].CommitAsync(tx => tx.Update(key).Set("n", "later"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("later", r.Get(key)!.GetString("n")));
    }

    [Fact]
    public async Task Each_of_two_that_meet_measures_the_others_clock()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        team.Clocks[1].AdjustTime(Team.Start.AddHours(-1));
        await team.MeetAsync(0, 1);
        ClockSkew behind = Assert.Single(team[0].ClockSkews), ahead = Assert.Single(team[1].ClockSkews);
        Assert.Equal((team[1].Id, -3_600_000L, (long?)null), (behind.Replica, behind.OffsetMs, behind.UncertaintyMs));
        Assert.Equal((team[0].Id, 3_600_000L, Team.Start.AddHours(-1)), (ahead.Replica, ahead.OffsetMs, ahead.MeasuredAt));
        await team.MeetAsync(1, 2);
        Assert.Equal([(team[0].Id, ReplicaRole.Client), (team[2].Id, ReplicaRole.Server)],
            team[1].ClockSkews.Select(s => (s.Replica, s.Role)).OrderBy(s => s.Role));
        long log = team[1].Store.LogEnd.Value;
        await team.MeetAsync(1, 2);
        Assert.Equal(log, team[1].Store.LogEnd.Value);
        await team.ReopenAsync(1);
        Assert.Equal(2, team[1].ClockSkews.Count);
        using var session = new SyncSession(team[0]);
        using var peer = new SyncSession(team[1]);
        await Team.PassAsync(peer, session);
        await session.NotePeerClockAsync(-3_599_000, 20, default);
        Assert.Equal((-3_599_000L, (long?)20), Assert.Single(team[0].ClockSkews) is var s ? (s.OffsetMs, s.UncertaintyMs) : default);
    }

    private static void CheckOrder(Team team)
    {
        foreach (Replica replica in team.Replicas)
        {
            HybridTimestamp[] issued = [.. team[0].Mutations(new() { Author = replica.Id }).Select(m => m.Mutation.Timestamp)];
            Assert.Equal(issued.Distinct().Order(), issued);
        }
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
