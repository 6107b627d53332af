namespace Crdt.Properties;

/// <summary>What was released is in the log, or the log is a copy.</summary>
public class ReleaseCheckTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Fact]
    [Trait("Law", "13")]
    public async Task A_log_contains_what_was_released_from_it_and_nothing_else()
    {
        await using Team team = await Team.CreateAsync(1);
        ReplicaId id = team[0].Id;
        Assert.True(Contains(null));
        Assert.False(Contains(new ChainHead(Team.IdOf(9), 0, new byte[32])));
        // Heads at 2, 3 and 5; nothing was signed at 1 and 4.
        foreach (int count in new[] { 2, 1, 2 })
        {
            for (int i = 0; i < count; i++) await team[0].CommitAsync(tx => tx.Upsert(E).Increment("n", 1));
            await team[0].CloseRunAsync(default);
        }
        ChainHead[] heads = [.. team.Stores[0].ReadLog(default).Select(l => l.Entry).Where(e => e.Kind == LogEntryKind.Head && e.Author == id)
            .Select(e => new ChainHead(id, e.LastSequence, e.Payload[..32]))];
        Assert.Equal([2, 3, 5], heads.Select(h => h.Sequence));
        Assert.All(heads, h => Assert.True(Contains(h)));
        Assert.All(heads, h => Assert.False(Contains(h with { Hash = new byte[32] })));
        Assert.True(Contains(new ChainHead(id, 0, AuthorTable.ChainStart(id))));
        Assert.False(Contains(new ChainHead(id, 6, new byte[32])));
        Assert.False(Contains(new ChainHead(Team.IdOf(9), 2, heads[0].Hash)));
        Assert.False(Contains(null));

        bool Contains(ChainHead? released) => ReleaseCheck.Contains(team.Stores[0], team[0].Writer, released);
    }

    /// <summary>What was dropped is in the snapshot that stands for it.</summary>
    [Fact]
    [Trait("Law", "11")]
    public async Task A_pruned_log_contains_what_was_released_before_its_floor()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        for (int i = 0; i < 4; i++)
        {
            await team[1].CommitAsync(tx => tx.Upsert(E).Increment("n", 1));
            await team[1].CloseRunAsync(default);
        }
        ChainHead[] heads = [.. team.Stores[1].ReadLog(default).Select(l => l.Entry)
            .Where(e => e.Kind == LogEntryKind.Head && e.Author == team[1].Id).Select(e => new ChainHead(e.Author, e.LastSequence, e.Payload[..32]))];
        await team.MeetAllAsync();
        await team[1].TakeSnapshotAsync();
        await team[1].PruneAsync();
        for (int i = 0; i < 2; i++)
        {
            await team[1].CommitAsync(tx => tx.Upsert(E).Increment("n", 1));
            await team[1].CloseRunAsync(default);
        }
        await team.ReopenAsync(1);
        Assert.DoesNotContain(team.Stores[1].ReadLog(default), l => l.Entry.Kind == LogEntryKind.Batch && l.Entry.Author == team[1].Id
            && l.Entry.LastSequence <= 4);
        Assert.True(ReleaseCheck.Contains(team.Stores[1], team[1].Writer, heads[1]));
    }
}
