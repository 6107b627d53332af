using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties.Spec;

/// <summary>One plain case of a law each, to be read beside docs/convergence.md; the generated schedules stand in
/// Convergence.</summary>
public class LawExampleTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    [Trait("Spec", "CV-4")]
    public async Task A_value_that_lost_stays_a_sibling_until_somebody_who_saw_it_writes()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "ibis"));
        await team.MeetAsync(0, 1);
        Assert.Equal(["heron", "ibis"], ValuesOf(team[0]).Order(StringComparer.Ordinal));
        Assert.Equal(ValuesOf(team[0]), ValuesOf(team[1]));
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "stork"));
        await team.MeetAsync(0, 1);
        Assert.Equal(["stork"], ValuesOf(team[0]));
    }

    [Fact]
    [Trait("Spec", "CV-5")]
    public async Task A_set_add_that_a_removal_had_not_seen_survives_it()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Update(Strike).Discard("tags", "night"));
        await team[1].CommitAsync(tx => tx.Update(Strike).Add("tags", "night"));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal(["night"], r.Get(Strike)!.GetSet("tags")));
    }

    [Fact]
    [Trait("Spec", "CV-5")]
    public async Task An_update_that_a_delete_had_not_seen_brings_back_the_whole_entity()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Delete(Strike));
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("cost", 5));
        Assert.Null(team[0].Get(Strike));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal("""{"cost":5,"species":"gull","tags":["night"]}""", r.Get(Strike)!.ToJson()));
    }

    [Fact]
    [Trait("Spec", "CV-8")]
    public void A_clock_always_goes_on_and_is_pulled_no_further_than_the_bound()
    {
        var time = new FakeTimeProvider(Team.Start);
        var clock = new HybridLogicalClock(time, TimeSpan.FromMinutes(5));
        HybridTimestamp first = clock.Tick();
        time.AdjustTime(Team.Start.AddHours(-1));
        HybridTimestamp second = clock.Tick();
        Assert.True(second > first);
        clock.Witness(HybridTimestamp.FromUnixMs(Team.Start.AddYears(1).ToUnixTimeMilliseconds()));
        Assert.Equal(second, clock.Last);
        time.AdjustTime(Team.Start);
        clock.Witness(HybridTimestamp.FromUnixMs(Team.Start.AddYears(1).ToUnixTimeMilliseconds()));
        Assert.Equal(Team.Start.AddMinutes(5), clock.Last.Time);
        HybridTimestamp pulled = clock.Last;
        Assert.True(clock.Tick() > pulled);
    }

    [Fact]
    [Trait("Spec", "CV-12")]
    public async Task A_transaction_is_seen_as_a_whole_or_not_at_all()
    {
        await using Team team = await StartAsync();
        EntityKey other = new("incident", "strike", "43");
        using ReplicaView before = team[0].View();
        await Assert.ThrowsAsync<MutationException>(() => team[0].CommitAsync(tx =>
        {
            tx.Create(other).Set("n", 1);
            tx.Create(Strike);
        }).AsTask());
        Assert.Null(team[0].Get(other));
        await team[0].CommitAsync(tx =>
        {
            tx.Create(other).Set("n", 1);
            tx.Update(Strike).Set("n", 1);
        });
        Assert.Null(before.Get(other));
        Assert.Null(before.Get(Strike)!["n"]);
        using ReplicaView after = team[0].View();
        Assert.Equal(after.Get(other)!["n"], after.Get(Strike)!["n"]);
    }

    private static async Task<Team> StartAsync()
    {
        Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull").Add("tags", "night"));
        await team.MeetAsync(0, 1);
        return team;
    }

    private static List<string> ValuesOf(Replica replica) =>
        [.. replica.Get(Strike)!.Siblings("species").Select(s => s.Value.AsString())];
}
