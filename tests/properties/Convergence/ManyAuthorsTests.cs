namespace Crdt.Properties;

/// <summary>One field that hundreds wrote at once, and the one who saw them all.</summary>
public class ManyAuthorsTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Theory]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(190)]
    [Trait("Law", "4")]
    public async Task A_write_replaces_all_that_its_author_saw_however_many_wrote_them(int count)
    {
        await using Team team = await Team.CreateAsync(2);
        for (int i = 0; i < count; i++) await team[0].ApplyAsync(RunOf(i), default);
        Assert.Equal(count, team[0].Get(E)!.Siblings("x").Count);
        await team.MeetAllAsync();
        CommitResult made = await team[1].CommitAsync(tx => tx.Update(E).Set("x", "one for all"));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(made.First, Assert.Single(r.Get(E)!.Siblings("x")).Dot));
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        Assert.Empty((await team[0].AuditAsync()).Unaccounted);
    }

    private static BatchRun RunOf(int number)
    {
        ReplicaId author = Team.IdOf(number + 3);
        var columns = new BatchColumns { Role = ReplicaRole.Client };
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.EndsTransaction, row.Timestamp) = (MutationKind.Create, true, new HybridTimestamp((ulong)(number + 1) << 20));
        row.Entity = columns.Entities.GetOrAdd(E);
        ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
        (root.HasValue, root.Value) = (true, Value.True);
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd("x"));
        (change.HasValue, change.Value) = (true, number);
        byte[] batch = new BatchWriter().Write(columns, 1);
        return new BatchRun(author, 1, [batch], 1, AuthorTable.ChainNext(AuthorTable.ChainStart(author), batch));
    }
}
