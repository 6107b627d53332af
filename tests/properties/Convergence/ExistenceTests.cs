using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Deleted here, written to there: each policy in turn, for the whole entity.</summary>
[Trait("Law", "5")]
public class ExistenceTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    // All but the policy that ConvergenceLaws are about.
    private static readonly Gen<ExistencePolicy> Others =
        Gen.Elements(ExistencePolicy.DeleteWins, ExistencePolicy.LastWriteWins, ExistencePolicy.Manual);

    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "6")]
    public void Under_every_policy_replicas_show_what_the_history_says() => Law.Holds(Schedules.Any.Under(Others), async life =>
    {
        await using World world = await World.RunAsync(life.Schedule, existence: life.Setting);
    }, count: 1_500);

    [Fact]
    [Trait("Law", "1")]
    public void A_change_of_the_policy_changes_what_is_read_and_nothing_of_what_is_held() => Law.Holds(
        (from schedule in Schedules.Any.Generator
         from at in Gen.Choose(0, 30)
         from policies in Gen.Elements(Enum.GetValues<ExistencePolicy>()).ArrayOf(2)
         from isProjecting in Gen.Elements(true, false)
         select (schedule, at, policies, isProjecting)).ToArbitrary(),
        async given =>
        {
            await using World world = await World.CreateAsync(given.schedule.Devices, given.isProjecting);
            foreach ((int i, Step step) in given.schedule.Steps.Index())
            {
                if (i == given.at) await SetAsync(world, given.policies[0]);
                await world.TakeAsync(step);
            }
            await world.Team.MeetAllAsync();
            string[] held = [.. world.Team.Replicas.Select(Held)];
            await SetAsync(world, given.policies[1]);
            await world.FinishAsync();
            Assert.Equal(held, world.Team.Replicas.Select(Held));
        });

    [Theory]
    [InlineData(ExistencePolicy.UpdateWins, false, true)]
    [InlineData(ExistencePolicy.UpdateWins, true, true)]
    [InlineData(ExistencePolicy.DeleteWins, false, false)]
    [InlineData(ExistencePolicy.DeleteWins, true, false)]
    [InlineData(ExistencePolicy.LastWriteWins, false, true)]
    [InlineData(ExistencePolicy.LastWriteWins, true, false)]
    [InlineData(ExistencePolicy.Manual, true, true)]
    public async Task A_delete_that_raced_an_update_does_as_the_policy_says(
        ExistencePolicy policy, bool isDeleteLater, bool isAlive)
    {
        await using Team team = await DisputedAsync(policy, isDeleteLater);
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(isAlive ? """{"x":1,"y":2}""" : null, replica.Get(E)?.ToJson());
            Assert.Equal(isAlive ? 1 : 0, (await replica.GetStatusAsync()).Entities);
        }
        if (isAlive)
        {
            await team[0].CommitAsync(tx => tx.Update(E).Set("x", 3));
        }
        else
        {
            MutationException error = await Assert.ThrowsAsync<MutationException>(
                () => team[0].CommitAsync(tx => tx.Update(E).Set("x", 3)).AsTask());
            Assert.Equal(MutationError.NotFound, error.Error);
            await team[0].CommitAsync(tx => tx.Create(E).Set("x", 3));
        }
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(isAlive ? """{"x":3,"y":2}""" : """{"x":3}""", r.Get(E)!.ToJson()));
        Assert.All(team.Replicas, r => Assert.Empty(r.Conflicts()));
    }

    [Theory]
    [InlineData("update")]
    [InlineData("upsert")]
    [InlineData("keep")]
    [InlineData("pick alive")]
    [InlineData("delete")]
    [InlineData("resolve to delete")]
    [InlineData("pick deleted")]
    public async Task Under_manual_it_is_a_conflict_until_a_person_resolves_it(string how)
    {
        await using Team team = await DisputedAsync(ExistencePolicy.Manual, isDeleteLater: true);
        Conflict conflict = Assert.Single(team[1].Conflicts());
        Assert.Equal((ConflictKind.Existence, FieldPath.Root, true, Value.True), (conflict.Kind, conflict.Path, conflict.IsOpen, conflict.Visible));
        Assert.Equal([Value.False, Value.True], conflict.Siblings.Select(s => s.Value));
        Assert.Contains(team[2].Mutations(), m => m.Status == MutationStatus.Conflict);
        await team[1].CommitAsync(tx => _ = how switch
        {
            "update" => tx.Update(team[1].Get(E)!).Set("x", 1),
            "upsert" => tx.Upsert(E).Set("x", 1),
            "keep" => tx.Resolve(conflict, Value.True),
            "pick alive" => tx.Resolve(conflict, conflict.Siblings[1]),
            "delete" => tx.Delete(E),
            "resolve to delete" => tx.Resolve(conflict, Value.False),
            _ => tx.Resolve(conflict, conflict.Siblings[0]),
        });
        await team.MeetAllAsync();
        bool isAlive = !how.Contains("delete", StringComparison.Ordinal);
        Assert.All(team.Replicas, r => Assert.Equal(isAlive ? """{"x":1,"y":2}""" : null, r.Get(E)?.ToJson()));
        Assert.All(team.Replicas, r => Assert.Empty(r.Conflicts(openOnly: false)));
        Assert.All(team.Replicas, r => Assert.Single(r.GetWithDeleted(E)!.Siblings(FieldPath.Root)));
        MutationException late = await Assert.ThrowsAsync<MutationException>(
            () => team[2].CommitAsync(tx => tx.Resolve(conflict, Value.True)).AsTask());
        Assert.Equal(isAlive ? MutationError.NoConflict : MutationError.NotFound, late.Error);
        Assert.Throws<ArgumentException>(() => team[2].Begin().Resolve(conflict, 1));
    }

    [Fact]
    public async Task To_settle_a_field_does_not_settle_whether_the_entity_is_deleted()
    {
        await using Team team = await Team.CreateAsync(3, 0, false, [("d", ConflictPolicy.Manual)], false, ("d", ExistencePolicy.Manual));
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", 1));
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", 2));
        await team[2].CommitAsync(tx => tx.Delete(E));
        await team.MeetAllAsync();
        Conflict field = Assert.Single(team[0].Conflicts(), c => c.Kind == ConflictKind.Values);
        await team[0].CommitAsync(tx => tx.Resolve(field, 3));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(ConflictKind.Existence, Assert.Single(r.Conflicts()).Kind));
    }

    [Fact]
    public async Task A_policy_of_the_type_goes_before_that_of_its_domain_and_one_that_is_not_known_is_none()
    {
        await using Team team = await Team.CreateAsync(1, 1, false, [], false, ("d", ExistencePolicy.DeleteWins), ("d/t", ExistencePolicy.Manual));
        Assert.Equal(ExistencePolicy.Manual, team[0].ExistencePolicyOf(E));
        Assert.Equal(ExistencePolicy.DeleteWins, team[0].ExistencePolicyOf(new("d", "u", "1")));
        Assert.Equal(ExistencePolicy.UpdateWins, team[0].ExistencePolicyOf(new("e", "t", "1")));
        await team[1].CommitAsync(tx => tx.Update(new EntityKey("$space", "policy", "d/t")).Set("existence", "CoinToss"));
        await team.MeetAllAsync();
        Assert.Equal(ExistencePolicy.DeleteWins, team[0].ExistencePolicyOf(E));
        Assert.Throws<ArgumentException>(() => team[1].Begin().SetPolicy(new PolicyScope("d", "t", "x"), ExistencePolicy.Manual));
    }

    private static async Task<Team> DisputedAsync(ExistencePolicy policy, bool isDeleteLater)
    {
        Team team = await Team.CreateAsync(2, 1, false, [], false, ("d/t", policy));
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        team.Clocks[isDeleteLater ? 1 : 0].Advance(TimeSpan.FromMinutes(1));
        await team[0].CommitAsync(tx => tx.Update(E).Set("y", 2));
        await team[1].CommitAsync(tx => tx.Delete(E));
        await team.MeetAllAsync();
        return team;
    }

    private static async Task SetAsync(World world, ExistencePolicy policy)
    {
        int server = world.Team.Replicas.Count - 1;
        await world.Team[server].CommitAsync(tx =>
        {
            tx.SetPolicy(new PolicyScope("d", "t"), policy);
            tx.SetPolicy(new PolicyScope("e"), policy);
        });
        await world.CheckAsync(server);
    }

    private static string Held(Replica replica) => string.Join('\n', World.Keys.SelectMany(
        key => replica.GetWithDeleted(key)?.AllSiblings().Select(s => $"{key} {s.Path} {s.Dot}") ?? []));
}
