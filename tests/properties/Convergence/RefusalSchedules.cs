namespace Crdt.Properties;

/// <summary>The schedules of semantics 13 about marks and refusals, each with its story; and what section 7 says of
/// each data type.</summary>
public class RefusalSchedules
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Fact]
    [Trait("Schedule", "2")]
    public async Task Under_server_wins_what_a_device_wrote_having_seen_both_is_read()
    {
        await using Team team = await FoundAsync(2, 1, ("d", ConflictPolicy.ServerWins));
        await team[0].CommitAsync(tx => tx.Update(E).Set("w", "a"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("w", "b"));
        await team.DeliverAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Update(E).Set("w", "c"));
        await team.DeliverAsync(0, 2);
        await team.DeliverAsync(1, 2);
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("c", r.Get(E)!.GetString("w")));
    }

    [Theory]
    [Trait("Schedule", "2")]
    [InlineData(ConflictPolicy.ServerWins, "first")]
    [InlineData(ConflictPolicy.ClientWins, "second")]
    public async Task The_server_marks_what_loses_by_the_order_in_which_it_heard(ConflictPolicy policy, string expected)
    {
        await using Team team = await FoundAsync(2, 1, ("d", policy));
        // By time alone the other would be read.
        team.Clocks[policy == ConflictPolicy.ServerWins ? 1 : 0].Advance(TimeSpan.FromMinutes(1));
        await team[0].CommitAsync(tx => tx.Update(E).Set("w", "first"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("w", "second"));
        await team.MeetAsync(0, 2);
        await team.MeetAsync(1, 2);
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(expected, r.Get(E)!.GetString("w")));
        Assert.Equal(2, team[0].Get(E)!.Siblings("w").Count);
        Assert.Single(team[0].Get(E)!.Siblings("w"), s => s.IsLost);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[2]));
    }

    [Fact]
    public async Task The_digest_tells_a_state_with_a_mark_from_one_without()
    {
        await using Team team = await FoundAsync(2, 1, ("d", ConflictPolicy.ServerWins));
        await team[0].CommitAsync(tx => tx.Update(E).Set("w", "a"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("w", "b"));
        await team.DeliverAsync(1, 0);
        await team.DeliverAsync(0, 2);
        Sibling[] before = [.. team[0].Get(E)!.Siblings("w")];
        StateDigest unmarked = await team[0].ComputeDigestAsync(default);
        await team.DeliverAsync(2, 0);
        Sibling[] after = [.. team[0].Get(E)!.Siblings("w")];
        Assert.Equal(before.Select(s => s.Dot), after.Select(s => s.Dot));
        Assert.Contains(after, s => s.IsLost);
        Assert.NotEqual(unmarked, await team[0].ComputeDigestAsync(default));
    }

    [Fact]
    [Trait("Schedule", "3")]
    public async Task A_server_that_returns_after_a_day_does_not_overrule_what_was_written_on_the_result()
    {
        await using Team team = await FoundAsync(3, 2, ("d", ConflictPolicy.ServerWins));
        await team[0].CommitAsync(tx => tx.Update(E).Set("w", "a"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("w", "b"));
        await team.MeetAsync(0, 3);
        await team.MeetAsync(1, 3);
        await team.MeetAsync(2, 3);
        await team[2].CommitAsync(tx => tx.Update(E).Set("w", "d"));
        await team.MeetAsync(2, 3);
        await team.MeetAsync(4, 3);
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("d", r.Get(E)!.GetString("w")));
    }

    [Fact]
    [Trait("Schedule", "4")]
    public async Task What_a_user_deleted_while_a_server_settled_a_conflict_in_it_stays_deleted()
    {
        await using Team team = await FoundAsync(2, 1, ("d", ConflictPolicy.ServerWins));
        await team[0].CommitAsync(tx => tx.Update(E).Set("w", "a"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("w", "b"));
        await team.DeliverAsync(0, 1);
        await team.MeetAsync(0, 2);
        await team[1].CommitAsync(tx => tx.Delete(E));
        await team.MeetAsync(1, 2);
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Null(r.Get(E)));
    }

    [Fact]
    [Trait("Schedule", "5")]
    public async Task What_was_written_upon_a_refused_value_by_somebody_who_saw_it_is_read()
    {
        await using Team team = await FoundAsync(2, 1);
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "good"));
        await team.MeetAllAsync();
        await RefuseAsync(team, 2, "bad");
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "bad"));
        await team.DeliverAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", "b"));
        await team.MeetAsync(0, 2);
        Assert.Equal("good", team[2].Get(E)!.GetString("x"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("b", r.Get(E)!.GetString("x")));
    }

    [Fact]
    [Trait("Schedule", "5")]
    public async Task An_increment_that_two_servers_refuse_is_taken_back_once()
    {
        await using Team team = await FoundAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Update(E).Increment("n", 5));
        await team.MeetAllAsync();
        team.Admissions[1] = team.Admissions[2] = new RefuseWhere(m => m.Context == "bad");
        await team.ReopenAsync(1);
        await team.ReopenAsync(2);
        await team[0].CommitAsync(tx => tx.Update(E).WithContext("bad").Increment("n", 7));
        await team[0].CommitAsync(tx => tx.Update(E).Increment("n", 1));
        await team.DeliverAsync(0, 1);
        await team.DeliverAsync(0, 2);
        Assert.Equal(6, team[1].Get(E)!.GetCounter("n"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(6, r.Get(E)!.GetCounter("n")));
        await team[0].CommitAsync(tx => tx.Update(E).Remove("n"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(0, r.Get(E)!.GetCounter("n")));
    }

    [Fact]
    [Trait("Schedule", "16")]
    public async Task A_refused_value_does_not_bring_back_what_somebody_else_had_replaced_too()
    {
        foreach (ConflictPolicy policy in Enum.GetValues<ConflictPolicy>())
        {
            await using Team team = await FoundAsync(2, 1, ("d", policy));
            await team[0].CommitAsync(tx => tx.Update(E).Set("x", "s0"));
            await team.MeetAllAsync();
            await RefuseAsync(team, 2, "u");
            await team[0].CommitAsync(tx => tx.Update(E).Set("x", "u"));
            await team[1].CommitAsync(tx => tx.Update(E).Set("x", "v"));
            await team[1].CommitAsync(tx => tx.Update(E).Set("x", "w"));
            await team.MeetAsync(0, 2);
            await team.MeetAllAsync();
            Assert.All(team.Replicas, r => Assert.Equal("w", r.Get(E)!.GetString("x")));
            Assert.All(team.Replicas, r => Assert.Empty(r.Get(E)!.Conflicts()));
        }
    }

    [Fact]
    [Trait("Schedule", "17")]
    public async Task What_was_restored_and_is_refused_later_is_not_read()
    {
        await using Team team = await FoundAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "s0"));
        await team.MeetAllAsync();
        await RefuseAsync(team, 1, "u");
        await RefuseAsync(team, 2, "s1");
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "s1"));
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "u"));
        await team.DeliverAsync(0, 1);
        Assert.Equal("s1", team[1].Get(E)!.GetString("x"));
        await team.DeliverAsync(0, 2);
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("s0", r.Get(E)!.GetString("x")));
        await ConvergedAsync(team);
    }

    [Fact]
    [Trait("Spec", "CV-7")]
    public async Task A_refused_transaction_reads_as_if_never_written_whatever_it_did()
    {
        foreach (Action<EntityEdit> work in new Action<EntityEdit>[]
        {
            e => e.Set("x", "refused"), e => e.Remove("x"), e => e.Set("m", "refused"), e => e.Remove("m"),
            e => e.Add("tags", "refused"), e => e.Discard("tags", "t"), e => e.Remove("tags"), e => e.Increment("n", 3), e => e.Remove("n"),
            e => e.Set("n", 1), e => e.Set("new", 1), e => e.Set("m/x", 2), e => e.Replace(Value.ParseJson("""{"q":{"z":1}}""")),
        })
        {
            await using Team team = await FoundAsync(2, 1, ("d/t/x", ConflictPolicy.Manual), ("d/t/m", ConflictPolicy.Merge));
            await team[1].CommitAsync(tx => tx.Update(E).Set("x", 1).Set(FieldPath.Of("m", "x"), 1).Set(FieldPath.Of("m", "y"), 2)
                .Add("tags", "t").Increment("n", 4));
            await team.MeetAllAsync();
            string before = team[2].Get(E)!.ToJson();
            team.Admissions[2] = new RefuseWhere(m => m.User == "mallory");
            await team.ReopenAsync(2);
            await team[0].CommitAsync(tx => work(tx.Update(E)), "mallory");
            Assert.NotEqual(before, team[0].Get(E)!.ToJson());
            await team.MeetAllAsync();
            Assert.All(team.Replicas, r => Assert.Equal(before, r.Get(E)!.ToJson()));
            Assert.All(team.Replicas, r => Assert.Empty(r.Conflicts()));
            await ConvergedAsync(team);
        }
    }

    [Fact]
    public async Task Refused_creating_deleting_and_making_again_leave_existence_as_it_was()
    {
        EntityKey other = new("d", "t", "2");
        await using Team team = await FoundAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(other).Set("x", 1));
        await team[0].CommitAsync(tx => tx.Delete(other));
        await team.MeetAllAsync();
        team.Admissions[1] = new RefuseWhere(m => m.User == "mallory");
        await team.ReopenAsync(1);
        await team[0].CommitAsync(tx => tx.Create(new("d", "t", "3")).Set("x", 1), "mallory");
        await team[0].CommitAsync(tx => tx.Delete(E), "mallory");
        await team[0].CommitAsync(tx => tx.Create(other).Set("y", 1), "mallory");
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"made":"by nobody"}""", r.Get(E)!.ToJson()));
        Assert.All(team.Replicas, r => Assert.Null(r.Get(other)));
        Assert.All(team.Replicas, r => Assert.Null(r.Get(new("d", "t", "3"))));
        await ConvergedAsync(team);
        await Assert.ThrowsAsync<MutationException>(async () =>
            await team[0].CommitAsync(tx => tx.Update(new EntityKey("d", "t", "3")).Set("x", 2)));
        await team[0].CommitAsync(tx => tx.Create(new("d", "t", "3")).Set("z", 2));
        Assert.Equal("""{"z":2}""", team[0].Get(new("d", "t", "3"))!.ToJson());
    }

    [Fact]
    public async Task The_author_learns_of_the_refusal_and_sends_its_work_again_changed()
    {
        await using Team team = await FoundAsync(1, 1);
        await RefuseAsync(team, 1, "bad");
        CommitResult made = await team[0].CommitAsync(tx => tx.Update(E).Set("x", "bad").Increment("n", 2), "ana");
        await team.MeetAllAsync();
        Assert.Equal(MutationStatus.Failed, team[0].FindMutation(made.First)!.Status);
        Assert.Equal(1, (await team[0].GetStatusAsync()).Failed);
        RefusedTransaction refused = Assert.Single(team[0].Refusals());
        Assert.Equal((made.First, "ana", RefusalCode.ScopeMissing, team[1].Id),
            (refused.First, refused.User, refused.Code, refused.RefusedBy));
        Assert.Equal(["x=bad", "n=2"], refused.Work.Select(w => $"{w.Path}={(w.Value!.Value.Kind == ValueKind.String ? w.Value.Value.AsString() : w.Value.Value.AsInteger())}"));
        CommitResult again = await team[0].ResubmitAsync(refused, "ana", tx => tx.Update(E).Set("x", "better"));
        await team.MeetAllAsync();
        Assert.Equal(made.First, team[1].FindMutation(again.First)!.Mutation.Origin!.Reissued);
        Assert.All(team.Replicas, r => Assert.Equal("better", r.Get(E)!.GetString("x")));
        Assert.All(team.Replicas, r => Assert.Empty(r.Refusals()));
        Assert.All(team.Replicas, r => Assert.Equal(RefusalHandling.Resubmitted, Assert.Single(r.Refusals(openOnly: false)).Handling));
    }

    [Fact]
    public async Task Refused_work_is_sent_again_as_it_was_given_to_another_or_given_up()
    {
        await using Team team = await FoundAsync(1, 1);
        team.Admissions[1] = new RefuseWhere(m => m.User == "mallory");
        await team.ReopenAsync(1);
        for (int i = 0; i < 3; i++) await team[0].CommitAsync(tx => tx.Update(E).Increment("n", 2).Add("tags", "t"), "mallory");
        await team.MeetAllAsync();
        RefusedTransaction[] refused = [.. team[1].Refusals()];
        Assert.Equal(3, refused.Length);
        await team[1].ResubmitAsync(refused[0], "supervisor");
        await team[1].ReassignAsync(refused[1], "bo", "supervisor");
        await team[0].DiscardAsync(refused[2], "mallory");
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"made":"by nobody","n":2,"tags":["t"]}""", r.Get(E)!.ToJson()));
        Assert.All(team.Replicas, r => Assert.Equal("bo", Assert.Single(r.Refusals()).Assignee));
        Assert.Equal(3, team[0].Refusals(openOnly: false).Count());
    }

    [Fact]
    public async Task A_large_refused_transaction_holds_up_nobody_and_keeps_what_there_is_room_for()
    {
        await using Team team = await FoundAsync(2, 1);
        team.Admissions[2] = new RefuseWhere(m => m.User == "mallory");
        await team.ReopenAsync(2);
        for (int t = 0; t < 2; t++)
        {
            await team[0].CommitAsync(tx =>
            {
                for (int i = 0; i < 6_000; i++) tx.Upsert(new EntityKey("d", "t", $"row {i:D6}")).Set("x", $"value {t} of row {i}");
            }, "mallory");
        }
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", "stands"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.DoesNotContain(r.Query("d", "t"), e => e.Key.Id.StartsWith("row", StringComparison.Ordinal)));
        Assert.All(team.Replicas, r => Assert.Equal("stands", r.Get(E)!.GetString("x")));
        Assert.All(team.Replicas, r => Assert.Equal(2, r.Refusals().Count()));
        Assert.All(team[0].Refusals(), r => Assert.InRange(r.Work.Count, 1_000, 12_000));
        await ConvergedAsync(team);
    }

    private static async Task<Team> FoundAsync(int devices, int servers, params (string Scope, ConflictPolicy Policy)[] policies)
    {
        Team team = await Team.CreateAsync(devices, servers, policies);
        await team[0].CommitAsync(tx => tx.Create(E).Set("made", "by nobody"));
        await team.MeetAllAsync();
        return team;
    }

    [Theory]
    [InlineData(ConflictPolicy.ServerWins, "device")]
    [InlineData(ConflictPolicy.ClientWins, "desk")]
    public async Task What_is_written_at_a_server_upon_an_older_view_is_marked_like_what_arrives(ConflictPolicy policy, string read)
    {
        await using Team team = await Team.CreateAsync(1, 1, ("d", policy));
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", "old").Set("y", "old"));
        await team.MeetAllAsync();
        Entity seen = team[1].Get(E)!;
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", "device"));
        await team.MeetAllAsync();
        CommitResult made = await team[1].CommitAsync(tx =>
        {
            tx.Update(seen).Set("x", "desk").Set("y", "desk");
            tx.Create(new EntityKey("d", "t", "other"));
        });
        Assert.Equal(2, made.Count);
        Assert.Equal([MutationKind.Update, MutationKind.Create, MutationKind.Mark],
            team[1].Mutations().Select(m => m.Mutation).Where(m => m.Dot.Replica == team[1].Id).Select(m => m.Kind));
        await team.MeetAllAsync();
        await team.ReopenAsync(1);
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal((read, "desk"), (replica.Get(E)!.GetString("x"), replica.Get(E)!.GetString("y")));
            Assert.Equal(2, replica.Get(E)!.Siblings("x").Count);
        }
        // Whoever writes having seen both is concurrent with nothing.
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", "both"));
        Assert.Equal(MutationKind.Update, team[1].Mutations().Last().Mutation.Kind);
    }

    private static async Task RefuseAsync(Team team, int server, string text)
    {
        team.Admissions[server] = RefuseWhere.Writes(text);
        await team.ReopenAsync(server);
    }

    private static async Task ConvergedAsync(Team team)
    {
        string dump = await World.DumpAsync(team[0]);
        for (int i = 0; i < team.Replicas.Count; i++)
        {
            Assert.Equal(dump, await World.DumpAsync(team[i]));
            Assert.Empty((await team[i].AuditAsync()).Unaccounted);
            await team.ReopenAsync(i);
            Assert.Equal(dump, await World.DumpAsync(team[i]));
        }
    }
}
