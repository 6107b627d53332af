namespace Crdt.Properties;

/// <summary>What was refused leaves nothing behind, not even an id.</summary>
public class RefusalTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    public async Task Edits_of_what_does_not_exist_leave_no_entity_in_memory()
    {
        await using Team team = await Team.CreateAsync(1);
        int before = team[0].Writer.Cache.Count;
        for (int i = 0; i < 100; i++)
        {
            await Assert.ThrowsAsync<MutationException>(
                () => team[0].CommitAsync(tx => tx.Update(new EntityKey("incident", "strike", $"{i}")).Set("a", 1)).AsTask());
        }
        Assert.Equal(before, team[0].Writer.Cache.Count);
    }

    [Fact]
    public async Task A_refused_run_leaves_no_ids_and_no_entities()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        Replica stranger = await team.AddAsync();
        await team.MeetAsync(1, 2);
        await stranger.CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        await stranger.CloseRunAsync(default);
        int ids = team[0].Writer.Authors.Ids.Count, entities = team[0].Writer.Cache.Count;
        LogEntry[] log = [.. team.Stores[2].ReadLog(default).Select(l => l.Entry).Where(e => e.Author == stranger.Id && e.Kind != LogEntryKind.Note)];
        var run = new BatchRun(stranger.Id, 1, [log[0].Payload], 1, log[1].Payload);

        ApplyException error = await Assert.ThrowsAsync<ApplyException>(() => team[0].ApplyAsync(run, default).AsTask());
        Assert.Equal(ApplyError.UnknownObservedDot, error.Error);
        Assert.Equal(entities, team[0].Writer.Cache.Count);
        // The author's chain was sound, so its id is known; nobody that it merely names is.
        Assert.InRange(team[0].Writer.Authors.Ids.Count, ids, ids + 1);
    }

    [Fact]
    public async Task A_client_takes_away_nothing_of_the_spaces_own_data()
    {
        await using Team team = await Team.CreateAsync(2, 0, ("incident/strike/cost", ConflictPolicy.Manual));
        var scope = new PolicyScope("incident", "strike", "cost");
        Sibling policy = Assert.Single(team[1].GetWithDeleted(scope.Key)!.Siblings("conflict"));
        var columns = new BatchColumns { Role = ReplicaRole.Client };
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.EndsTransaction, row.Timestamp) = (MutationKind.Update, true, new HybridTimestamp(1UL << 60));
        row.Entity = columns.Entities.GetOrAdd(scope.Key);
        columns.AddChange(columns.Paths.GetOrAdd("conflict"));
        columns.AddDot(columns.IndexOfOther(policy.Dot.Replica), policy.Dot.Sequence);
        ReplicaId rogue = Team.IdOf(77);
        byte[] batch = new BatchWriter().Write(columns, 1);
        byte[] head = AuthorTable.ChainNext(AuthorTable.ChainStart(rogue), batch);

        await team[0].ApplyAsync(new BatchRun(rogue, 1, [batch], 1, head), default);
        Assert.Equal(ConflictPolicy.Manual, team[0].PolicyOf(Strike, "cost"));
        Assert.Empty((await team[0].AuditAsync()).Unaccounted);
    }

    [Fact]
    public async Task What_waits_is_appended_in_parts_that_stay_within_bounds()
    {
        await using var gated = await GatedReplica.OpenAsync();
        // Text that does not compress: hashes, one upon the other.
        string text = string.Concat(Enumerable.Range(0, 3_000).Select(i => Convert.ToHexString(
            System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(i)))));
        Task first = gated.Replica.CommitAsync(tx => tx.Create(Strike)).AsTask();
        int before = gated.Store.Appends;
        Task[] waiting = [.. Enumerable.Range(0, 100).Select(i => gated.Replica.CommitAsync(
            tx => tx.Create(new("incident", "strike", $"big {i}")).Set("text", $"{i}{text}")).AsTask())];
        gated.Store.Release();
        await Task.WhenAll([first, .. waiting]);
        Assert.InRange(gated.Store.Appends - before, 2, 20);
    }
}
