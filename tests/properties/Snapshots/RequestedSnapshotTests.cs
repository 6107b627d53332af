namespace Crdt.Properties;

/// <summary>Whoever always kept up was never given a snapshot, and asks for one to drop its log behind.</summary>
public class RequestedSnapshotTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [Trait("Spec", "WF-4.16")]
    [Trait("Law", "11")]
    public async Task Who_always_kept_up_gets_a_manifest_makes_the_chunks_itself_and_drops_its_log(bool isKeyed, bool isProjecting)
    {
        await using Team team = await Team.CreateAsync(2, 1, isProjecting, [], isKeyed);
        await WriteAsync(team, 60);
        Snapshot made = await team[2].TakeSnapshotAsync();
        await team.MeetAsync(0, 2);
        Assert.Equal(PruneOutcome.NoSnapshot, (await team[0].PruneAsync()).Outcome);
        string before = await World.DumpAsync(team[0]);

        team[0].RequestSnapshot();
        (long _, long bytes) = await Team.MeetAsync(team[0], team[2]);
        Assert.InRange(bytes, 1, 3_000);
        Assert.InRange(made.LengthBytes, 20_000, long.MaxValue);
        Assert.Equal((made.Maker, made.Vector), (Assert.Single(team[0].Snapshots).Maker, team[0].Snapshots[0].Vector));
        Assert.Equal(PruneOutcome.Pruned, (await team[0].PruneAsync()).Outcome);
        Assert.Equal(before, await World.DumpAsync(team[0]));
        await team.ReopenAsync(0);
        Assert.Equal(before, await World.DumpAsync(team[0]));
        Assert.Empty((await team[0].AuditAsync()).Unaccounted);
        // It hands on what it stands on.
        Replica late = await team.AddAsync();
        await Team.MeetAsync(team[0], late);
        Assert.Equal(before, await World.DumpAsync(late));
        // Asked for once, it is not asked for again.
        Assert.False(team[0].IsSnapshotRequested);
    }

    [Fact]
    [Trait("Spec", "WF-4.16")]
    public async Task What_the_own_state_does_not_give_any_more_is_fetched()
    {
        await using Team team = await Team.CreateAsync(2, 1);
        await WriteAsync(team, 60);
        Snapshot made = await team[2].TakeSnapshotAsync();
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("later", true));
        await team.MeetAllAsync();
        team[0].RequestSnapshot();
        // A device that holds it would do as well; this one holds none, and says so.
        await team.MeetAsync(0, 1);
        Assert.Empty(team[0].Snapshots);
        Assert.True(team[0].IsSnapshotRequested);
        (long _, long bytes) = await Team.MeetAsync(team[0], team[2]);
        Assert.InRange(bytes, made.LengthBytes, long.MaxValue);
        string before = await World.DumpAsync(team[0]);
        Assert.Equal(PruneOutcome.Pruned, (await team[0].PruneAsync()).Outcome);
        await team.ReopenAsync(0);
        Assert.Equal(before, await World.DumpAsync(team[0]));
        team[1].RequestSnapshot();
        await team.MeetAsync(0, 1);
        Assert.Single(team[1].Snapshots);
    }

    [Fact]
    [Trait("Spec", "WF-4.16")]
    public async Task An_empty_answer_to_nothing_ends_the_session_and_asking_twice_is_answered()
    {
        await using Team team = await Team.CreateAsync(2, 1);
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        await impostor.SayAsync(new AskMessage());
        await impostor.SayAsync(new AskMessage());
        SyncException error = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(new SnapshotMessage(default)).AsTask());
        Assert.Equal(SyncError.BadSnapshot, error.Error);
    }

    private static async Task WriteAsync(Team team, int count)
    {
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("n", 1));
        for (int i = 0; i < count; i++)
        {
            string text = string.Concat(Enumerable.Range(0, 12).Select(part => Convert.ToHexString(
                System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes((i * 100) + part)))));
            await team[1].CommitAsync(tx => tx.Create(new EntityKey("incident", "strike", $"{text[..8]}")).Set("text", text));
        }
        await team.MeetAllAsync();
    }
}
