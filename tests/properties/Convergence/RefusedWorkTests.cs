using System.Globalization;

namespace Crdt.Properties;

/// <summary>Refused work: what is kept of it, what is read back of it, and what is sent again.</summary>
public class RefusedWorkTests
{
    private static readonly EntityKey E = new("d", "t", "1"), F = new("d", "t", "2");

    [Fact]
    public async Task Everything_that_was_refused_can_be_sent_again_as_it_was()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[0].CommitAsync(tx =>
        {
            tx.Create(E).Set("gone", 1).Set("was", "here").Add("tags", "old").Increment("n", 4);
            tx.Create(F).Set("x", 1);
        });
        await team.MeetAllAsync();
        string before = await World.DumpAsync(team[0]);
        team.Admissions[1] = new RefuseWhere(m => m.User == "mallory");
        await team.ReopenAsync(1);
        await team[0].CommitAsync(tx =>
        {
            tx.Update(E).Set("was", "changed").Remove("gone").Discard("tags", "old").Add("tags", "new").Increment("n", 3)
                .Set(FieldPath.Of("m", "deep"), true);
            tx.Delete(F);
        }, "mallory");
        string meant = team[0].Get(E)!.ToJson();
        await team.MeetAllAsync();
        Assert.NotEqual(before, await World.DumpAsync(team[1]));
        Assert.All(team.Replicas, r => Assert.Equal("""{"gone":1,"n":4,"tags":["old"],"was":"here"}""", r.Get(E)!.ToJson()));
        Assert.All(team.Replicas, r => Assert.NotNull(r.Get(F)));
        await team[1].ResubmitAsync(Assert.Single(team[1].Refusals()), "supervisor");
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(meant, r.Get(E)!.ToJson()));
        Assert.All(team.Replicas, r => Assert.Null(r.Get(F)));
    }

    /// <summary>What was counted beyond a fence stands beside the counter when it is written again, and may be refused there.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task An_increment_that_was_written_again_and_refused_is_sent_again_as_an_increment()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Increment("c", 4).Increment(FieldPath.Of("m", "c"), 1));
        var dot = new Dot(team[0].Id, 2);
        FieldPath[] places = [FieldPath.Field("c").AsCounter(), FieldPath.Of("m", "c").AsCounter()];
        var refused = new RefusedTransaction(dot, 2, null, RefusalCode.Other, "", team[1].Id, default,
            [.. places.Select(p => new EscrowedChange(dot, E, MutationKind.Update, p.Element("request"), 3))],
            RefusalHandling.Open, null, null);
        Transaction again = team[0].Begin();
        Escrow.Repeat(refused, again);
        await again.CommitAsync();
        Assert.Equal("""{"c":7,"m":{"c":4}}""", team[0].Get(E)!.ToJson());
    }

    [Theory]
    [InlineData(4_000, 4_000)]
    [InlineData(4_001, 4_000)]
    [InlineData(9_000, 4_000)]
    public async Task A_reason_is_kept_up_to_four_thousand_letters(int length, int kept)
    {
        Assert.Equal(new string('a', kept), await ReasonKeptAsync(new string('a', length)));
    }

    [Fact]
    public async Task A_reason_is_not_cut_within_a_letter() =>
        Assert.Equal(new string('a', 3_999), await ReasonKeptAsync(new string('a', 3_999) + "\U0001F426"));

    /// <summary>Whatever a later version, or somebody hostile with the role, puts into the place of a refusal.</summary>
    [Fact]
    [Trait("Law", "9")]
    public async Task What_is_no_refusal_refuses_nothing_and_is_listed_nowhere()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        Dot made = team[0].Get(E)!.Siblings("x")[0].Dot;
        string id = RefusalTable.KeyOf(made).Id, server = team[1].Id.ToString();
        foreach (string odd in new[] { "x", $"{id[..32]}+1", $"{id[..32]}-", $"{id[..32]}-x", $"{id[..32]}--1", new string('g', 32) + "-1", new string('a', 40) })
            await WriteAsync(odd, e => e.Set("last", made.Sequence).Set("refusedBy", server));
        await WriteAsync(id, e => e.Set("refusedBy", server));
        Assert.Equal(MutationStatus.Synced, team[0].FindMutation(made)!.Status);
        await WriteAsync(id, e => e.Set("last", "1").Set("refusedBy", server));
        Assert.Equal(MutationStatus.Synced, team[0].FindMutation(made)!.Status);
        await WriteAsync(id, e => e.Set("last", made.Sequence - 1));
        Assert.Equal(MutationStatus.Synced, team[0].FindMutation(made)!.Status);
        await WriteAsync(id, e => e.Set("refusedBy", "nobody"));
        await WriteAsync(id, e => e.Set("refusedBy", 7));
        Assert.Empty(team[0].Refusals(openOnly: false));
        Assert.Equal(0, (await team[0].GetStatusAsync()).Failed);
        Assert.Equal("""{"x":1}""", team[0].Get(E)!.ToJson());

        async Task WriteAsync(string name, Func<EntityEdit, EntityEdit> edit)
        {
            await team[1].CommitAsync(tx => edit(tx.Upsert(new EntityKey("$space", "refusal", name))));
            await team.MeetAllAsync();
        }
    }

    [Fact]
    [Trait("Law", "9")]
    public async Task Of_a_refusal_told_by_another_version_is_read_what_is_known_here()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        Dot made = team[0].Get(E)!.Siblings("x")[0].Dot;
        EntityKey key = RefusalTable.KeyOf(made);
        Value right = Work(made.Sequence, $"{E}", "Update", FieldPath.Field("x").Bytes.ToArray());
        Value[] told =
        [
            right, Value.ObjectOf([]),
            Work("one", $"{E}", "Update", FieldPath.Field("x").Bytes.ToArray()), Work(1, 1, "Update", FieldPath.Field("x").Bytes.ToArray()),
            Work(1, "no key", "Update", FieldPath.Field("x").Bytes.ToArray()), Work(1, $"{E}", 5, FieldPath.Field("x").Bytes.ToArray()),
            Work(1, $"{E}", "Unheard", FieldPath.Field("x").Bytes.ToArray()), Work(1, $"{E}", "Update", "x"),
            Work(1, $"{E}", "Update", new byte[] { 0, 9 }),
            .. new[] { "sequence", "key", "kind", "path" }.Select(left => Value.ObjectOf(right.AsObject().Where(m => m.Key != left))),
        ];
        await team[1].CommitAsync(tx =>
        {
            EntityEdit edit = tx.Upsert(key).Set("last", made.Sequence).Set("refusedBy", team[1].Id.ToString()).Set("code", "Unheard")
                .Set("reason", 7).Set("refusedAt", "yesterday").Set("author", 7).Set("user", true);
            for (int i = 0; i < told.Length; i++)
                edit.Set(FieldPath.Of("work", i.ToString("D6", CultureInfo.InvariantCulture), "what"), told[i]);
            edit.Set(FieldPath.Of("work", told.Length.ToString("D6", CultureInfo.InvariantCulture), "what"), "the end");
        });
        await team.MeetAllAsync();
        RefusedTransaction refused = Assert.Single(team[0].Refusals());
        Assert.Equal((made, made.Sequence, null, RefusalCode.Other, "", team[1].Id, default(DateTimeOffset)),
            (refused.First, refused.Last, refused.User, refused.Code, refused.Reason, refused.RefusedBy, refused.RefusedAt));
        EscrowedChange change = Assert.Single(refused.Work);
        Assert.Equal((made, E, MutationKind.Update, FieldPath.Field("x"), null),
            (change.Dot, change.Key, change.Kind, change.Path, change.Value));

        // Who handled it is read of anybody; what is no handling leaves it open.
        foreach (Value odd in new Value[] { "done", Value.ObjectOf([new("handling", 1), new("handledBy", 2)]), Value.ObjectOf([new("handling", "Unheard")]) })
        {
            await team[1].CommitAsync(tx => tx.Update(key).Set("handled", odd));
            await team.MeetAllAsync();
            refused = Assert.Single(team[0].Refusals());
            Assert.Equal((RefusalHandling.Open, null, null), (refused.Handling, refused.HandledBy, refused.Assignee));
        }
        await team[0].DiscardAsync(refused);
        Assert.Empty(team[0].Refusals());
        Assert.Equal(RefusalHandling.Discarded, Assert.Single(team[0].Refusals(openOnly: false)).Handling);

        static Value Work(Value sequence, Value entity, Value kind, Value path) =>
            Value.ObjectOf([new("sequence", sequence), new("key", entity), new("kind", kind), new("path", path)]);
    }

    private static async Task<string> ReasonKeptAsync(string reason)
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        team.Admissions[1] = new Refusing(reason);
        await team.ReopenAsync(1);
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        return Assert.Single(team[0].Refusals()).Reason;
    }

    private sealed class Refusing(string reason) : IAdmission
    {
        public Refusal? Judge(IncomingTransaction transaction) => new(RefusalCode.ScopeMissing, reason);
    }
}
