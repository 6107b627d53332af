namespace Crdt.Properties;

/// <summary>Edits of what a person saw, while the entity went on.</summary>
public class SeenEditTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    public async Task A_form_saved_late_takes_back_nothing_that_arrived_meanwhile()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("a", 1).Set("f", 1).Increment("n", 5).Add("tags", "x"));
        await team.MeetAsync(0, 1);
        Entity seen = team[0].Get(Strike)!;
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("f", 2).Increment("n", 3).Add("tags", "y"));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Update(seen).Replace(
            Value.ParseJson("""{"a":9,"f":1,"n":6,"tags":["x","z"]}""")));
        Assert.Equal("""{"a":9,"f":2,"n":9,"tags":["x","y","z"]}""", team[0].Get(Strike)!.ToJson());
    }

    [Fact]
    public async Task A_document_over_a_counter_that_others_counted_meanwhile_is_refused_where_only_a_version_is_known()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(Strike).Increment("n", 5));
        await team.MeetAsync(0, 1);
        VersionVector seen = team[0].Get(Strike)!.Version;
        await team[1].CommitAsync(tx => tx.Update(Strike).Increment("n", 3));
        await team.MeetAsync(0, 1);
        MutationException error = await Assert.ThrowsAsync<MutationException>(() => team[0].CommitAsync(
            tx => tx.Update(Strike, seen).Replace(Value.ParseJson("""{"n":6}"""))).AsTask());
        Assert.Equal(MutationError.CountedMeanwhile, error.Error);
        Assert.Equal(8, team[0].Get(Strike)!.GetCounter("n"));
    }

    [Fact]
    public async Task A_value_with_members_that_cannot_be_paths_is_edited_as_a_whole_or_not_at_all()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("addr", Value.ParseJson("""{"":1,"city":"x"}""")));
        MutationException error = await Assert.ThrowsAsync<MutationException>(
            () => team[0].CommitAsync(tx => tx.Update(Strike).Set(FieldPath.Of("addr", "city"), "y")).AsTask());
        Assert.Equal(MutationError.BadPath, error.Error);
        Assert.Equal("""{"addr":{"":1,"city":"x"}}""", team[0].Get(Strike)!.ToJson());
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("addr", Value.ParseJson("""{"":1,"city":"y"}""")));
        Assert.Equal("""{"addr":{"":1,"city":"y"}}""", team[0].Get(Strike)!.ToJson());
    }
}
