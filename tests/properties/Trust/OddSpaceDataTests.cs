namespace Crdt.Properties;

/// <summary>What stands in the space's own data and means nothing here, from a later version or a hostile server, is kept
/// and passed over.</summary>
[Trait("Law", "9")]
public class OddSpaceDataTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Fact]
    public async Task A_policy_that_is_none_leaves_the_default_in_force()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[2].CommitAsync(tx =>
        {
            tx.Upsert(PolicyScope.Parse("d").Key).Set("conflict", 7).Set("touch", "yes").Set("existence", 1);
            tx.Upsert(PolicyScope.Parse("d/t").Key).Set("conflict", "Unheard").Set("touch", 1).Set("existence", "Unheard");
            tx.Upsert(PolicyScope.Parse("d/t/x").Key).Set("touch", false);
            tx.Upsert(PolicyScope.Parse("d/t/y").Key).Set("conflict", "FirstWriteWins").Set("touch", Value.Null);
        });
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        Assert.Equal(ConflictPolicy.LastWriteWins, team[0].PolicyOf(E, "x"));
        Assert.Equal(ConflictPolicy.FirstWriteWins, team[0].PolicyOf(E, "y"));
        // Update wins, and an update touches the root.
        await team[0].CommitAsync(tx => tx.Delete(E));
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", 1));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"x":1}""", r.Get(E)!.ToJson()));
    }

    /// <summary>Fields that are declared telemetry bring nothing back to life.</summary>
    [Fact]
    [Trait("Law", "5")]
    public async Task A_field_that_only_touches_does_not_write_the_root()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[2].CommitAsync(tx => tx.Upsert(PolicyScope.Parse("d/t/views").Key).Set("touch", true));
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx => tx.Delete(E));
        await team[1].CommitAsync(tx => tx.Update(E).Increment("views", 1));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Null(r.Get(E)));
    }

    [Fact]
    [Trait("Spec", "WF-2.16")]
    public async Task A_fence_that_is_none_ends_no_log()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        ReplicaId id = Team.IdOf(77), other = Team.IdOf(78);
        string hash = new('a', 64);
        await team[1].CommitAsync(tx =>
        {
            tx.Upsert(new EntityKey("$space", "fence", "nobody")).Set($"1-{hash}", "forked");
            tx.Upsert(new EntityKey("$space", "fence", id.ToString().ToUpperInvariant())).Set($"1-{hash}", "forked");
            EntityEdit edit = tx.Upsert(FenceEntity.KeyOf(id)).Add($"3-{hash}", "element").Increment($"4-{hash}", 1)
                .Set(FieldPath.Of("deep", $"5-{hash}"), "forked");
            foreach (string name in new[]
            {
                "x", hash, $"-{hash}", $"1-{hash[1..]}", $"1-{hash}a", $"x-{hash}", $"+1-{hash}", $"01-{hash}", $"1-{hash.ToUpperInvariant()}",
                $"1-{hash[..63]}g", $"{Dot.SequenceMax + 1}-{hash}", $"99999999999999999999-{hash}",
            }) edit.Set(name, "forked");
        });
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Empty(r.Fences));
        await team[1].FenceAsync(Team.IdOf(79), FenceReason.Other);
        Assert.Equal(FenceReason.Other, Assert.Single(team[1].Fences).Reason);
        // Of a true one a reason that is not known here is some other, or a later version's number.
        Value[] reasons = ["other", "unheard", "7", 3, -1, 256, Value.ArrayOf(["forked"]), Value.ArrayOf([1, new byte[] { 1 }])];
        for (int i = 0; i < reasons.Length; i++)
        {
            int n = i;
            await team[1].CommitAsync(tx => tx.Upsert(FenceEntity.KeyOf(Team.IdOf(80 + n))).Set($"0-{hash}", reasons[n]));
        }
        await team[1].CommitAsync(tx => tx.Upsert(FenceEntity.KeyOf(other)).Set($"0-{hash}", Value.ArrayOf(["Retired", new byte[] { 1 }])));
        await team[1].CommitAsync(tx => tx.Upsert(FenceEntity.KeyOf(id)).Set($"0-{hash}", 7));
        await team.MeetAllAsync();
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(Enumerable.Range(0, reasons.Length).Select(i => Team.IdOf(80 + i)).Append(other).Append(id).Append(Team.IdOf(79)).Order(),
                replica.Fences.Select(f => f.Replica).Order());
            Assert.All(replica.Fences, f => Assert.Equal(
                f.Replica == other ? FenceReason.Retired : f.Replica == id ? (FenceReason)7 : FenceReason.Other, f.Reason));
        }
    }

    [Fact]
    [Trait("Spec", "WF-7.3")]
    public void An_enrolment_that_is_shown_holds_together_or_is_none()
    {
        ReplicaId id = Team.IdOf(50);
        foreach (ReplicaRole role in Enum.GetValues<ReplicaRole>())
        {
            foreach (string? owner in new[] { null, "ana", new string('a', 255) })
            {
                var enrolment = new Enrolment(id, new byte[] { 1 }, role, owner, new byte[] { 2 });
                Enrolment shown = EnrolmentFields.FromProof(id, EnrolmentFields.ToProof(enrolment))!;
                Assert.Equal((role, owner, "01", "02"),
                    (shown.Role, shown.Owner, Convert.ToHexString(shown.PublicKey.Span), Convert.ToHexString(shown.Certificate.Span)));
            }
        }
        Value right = EnrolmentFields.ToProof(new Enrolment(id, new byte[] { 1 }, ReplicaRole.Client, "ana", new byte[] { 2 }));
        Assert.NotNull(EnrolmentFields.FromProof(id, right));
        (string Field, Value[] Odd)[] oddities =
        [
            ("key", [Value.Null, "text", Array.Empty<byte>(), new byte[257]]),
            ("role", [Value.Null, 0, "Client", "nobody"]),
            ("owner", [7, "", new string('a', 256), new string('é', 128)]),
            ("certificate", [7, "text", new byte[129]]),
        ];
        foreach ((string field, Value[] odd) in oddities)
        {
            foreach (Value value in odd)
            {
                Value changed = Value.ObjectOf(right.AsObject().Where(m => m.Key != field).Append(new(field, value)));
                Assert.Null(EnrolmentFields.FromProof(id, changed));
            }
        }
        Assert.Null(EnrolmentFields.FromProof(id, true));
        Assert.Null(EnrolmentFields.FromProof(id, Value.ObjectOf([])));
        // Owner and certificate may be absent.
        Assert.NotNull(EnrolmentFields.FromProof(id, Value.ObjectOf(right.AsObject().Where(m => m.Key is "key" or "role"))));
    }
}
