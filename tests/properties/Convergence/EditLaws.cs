using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Where an edit is made it reads as its documentation says, whatever concurrent past it falls upon.</summary>
public class EditLaws
{
    private static readonly string[] SetPaths = ["t", "m/t"];

    private static readonly Gen<Op> PlainOp = Edits.Op.Where(op => op.Does switch
    {
        OpKind.Increment => false,
        // Sets have names of their own here: an array that stands there as one value looks just like one.
        OpKind.Add or OpKind.Discard => SetPaths.Contains(op.Path),
        OpKind.Set => !SetPaths.Contains(op.Path) && op.Path is not ("c" or "m/c"),
        OpKind.Remove => op.Path is not ("c" or "m/c"),
        _ => !op.Text.Contains("\"c\"", StringComparison.Ordinal) && !op.Text.Contains("\"t\":[", StringComparison.Ordinal),
    });

    private static readonly Gen<Edit> PlainUpsert =
        from entity in Gen.Choose(0, 1)
        from ops in Gen.Frequency((2, PlainOp.ArrayOf(1)), (2, PlainOp.ArrayOf(2)), (2, PlainOp.ArrayOf(5)))
        select new Edit(EditIntent.Upsert, entity, false, ops);

    private static readonly Gen<Step> PlainStep = Gen.Frequency(
        (3, from at in Gen.Choose(0, 1) from edit in PlainUpsert select (Step)new Commit(at, 0, edit)),
        (2, Gen.Constant((Step)new Meet(0, 1))),
        (1, Gen.Choose(0, 1).Select(at => (Step)new Commit(at, 1, new Edit(EditIntent.Delete, 0, false)))));

    [Fact]
    public void An_edit_reads_as_its_steps_one_after_the_other() =>
        Law.Holds(Of(PlainStep), async schedule =>
        {
            await using World world = await World.CreateAsync(1);
            foreach (Step step in schedule.Steps)
            {
                if (step is Commit { Edits: [{ Kind: EditIntent.Upsert } edit] } commit) await CheckAsync(world.Team[commit.At], edit);
                else await world.TakeAsync(step);
            }
        }, size: 12);

    private static Arbitrary<Schedule> Of(Gen<Step> step) =>
        Schedules.With(from steps in step.ArrayOf() select new Schedule(1, steps));

    private static async Task CheckAsync(Replica replica, Edit edit)
    {
        EntityKey key = World.Keys[edit.Entity];
        Entity? before = replica.Get(key);
        bool hasClash = before?.Conflicts().Any(c => c.Kind == ConflictKind.Kinds) ?? false;
        Value expected = edit.Ops.Aggregate(before?.ToValue() ?? Value.EmptyObject, PlainDocument.Apply);
        await replica.CommitAsync(tx =>
        {
            EntityEdit noted = tx.Upsert(key);
            foreach (Op op in edit.Ops) op.On(noted);
        });
        Entity after = replica.Get(key)!;
        if (!hasClash)
        {
            Assert.Equal(expected.ToJson(), after.ToJson());
            Assert.DoesNotContain(after.Conflicts(), c => c.Kind == ConflictKind.Kinds);
        }
        if (edit.Ops is [.., { Does: OpKind.Set } last])
            Assert.Equal(Value.ParseJson(last.Text), after[FieldPath.Parse(last.Path)]);
        if (edit.Ops is [.., { Does: OpKind.Replace } whole]) Assert.Equal(Value.ParseJson(whole.Text), after.ToValue());
    }
}
