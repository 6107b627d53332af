namespace Crdt.Properties;

/// <summary>Schedules that once failed, shrunk and pasted as they were printed, each with its story.</summary>
public class FoundSchedules
{
    /// <summary>A set and a map whose only member is a counter share a name: the conflict was not listed, because
    /// counters sort behind elements and only the neighbour before was looked at. Seed (384413510442341299, 489066596175877503).</summary>
    [Fact]
    public async Task A_set_beside_a_map_of_counters_is_a_listed_conflict() => await LiveAsync(new Schedule(1,
        new Commit(0, 0, new Edit(EditIntent.Create, 0, false)),
        new Meet(0, 1),
        new Commit(0, 0, new Edit(EditIntent.Update, 0, false, new Op(OpKind.Add, "m", "q"))),
        new Commit(1, 0, new Edit(EditIntent.Update, 0, false, new Op(OpKind.Increment, "m/c", "1"))),
        new Meet(0, 1)));

    /// <summary>A value conflict in a name that is a set's map, too: settling the values leaves the clash of kinds, which
    /// is a conflict of its own. Seed (10327652812626902671, 1477382822003427043).</summary>
    [Fact]
    public async Task A_settled_conflict_of_values_leaves_a_clash_of_kinds_as_it_is() => await LiveAsync(new Schedule(2,
        new Commit(2, 0, new Edit(EditIntent.Upsert, 0, false, new Op(OpKind.Add, "m/t", "p"))),
        new Commit(1, 0, new Edit(EditIntent.Upsert, 0, false)),
        new Commit(0, 0, new Edit(EditIntent.Upsert, 0, false)),
        new Commit(1, 0, new Edit(EditIntent.Update, 0, false, new Op(OpKind.Set, "m", "\"p\""))),
        new Meet(1, 2),
        new Commit(0, 0, new Edit(EditIntent.Update, 0, false, new Op(OpKind.Set, "m", "\"s\""))),
        new Meet(2, 0),
        new Commit(0, 0, new Edit(EditIntent.Resolve, 0, false))));

    /// <summary>What a server had added again was passed over for a newer value, and came back when a person settled
    /// the clash of kinds by what they could see of it. Seed (15367305151813309966, 11413268260548304163).</summary>
    [Fact]
    public async Task A_resolution_replaces_also_what_was_restored_and_passed_over() => await LiveAsync(new Schedule(1,
        new Commit(0, 0, new Edit(EditIntent.Create, 0, false)),
        new Commit(2, 0, new Edit(EditIntent.Update, 0, false, new Op(OpKind.Set, "m/x/z", "\"s\""))),
        new Commit(0, 0, new Edit(EditIntent.Upsert, 0, false, new Op(OpKind.Add, "m", "q")) { RefusedBy = 1 }),
        new Look(2, 0),
        new Commit(1, 0, new Edit(EditIntent.Create, 0, false)),
        new Commit(3, 600000, new Edit(EditIntent.Update, 0, false, new Op(OpKind.Set, "m/x/z", "0"))),
        new Meet(0, 3),
        new Commit(2, 0, new Edit(EditIntent.Update, 0, true, new Op(OpKind.Increment, "m/x", "-1"))),
        new Commit(0, 0, new Edit(EditIntent.Resolve, 0, false, new Op(OpKind.Set, "", "{\"x\":2,\"y\":{\"z\":2}}")))));

    private static async Task LiveAsync(Schedule schedule)
    {
        await using World world = await World.RunAsync(schedule);
    }
}
