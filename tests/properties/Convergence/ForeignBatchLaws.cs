using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Batches that no replica of this build would write, but that the format allows: later versions and hostile
/// authors send them, and every replica has to apply, show and forward them.</summary>
public class ForeignBatchLaws
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    [Fact]
    [Trait("Law", "1")]
    public void Whatever_a_well_formed_batch_holds_every_reader_and_writer_survives_it() => Law.Holds(Seeds, async seed =>
    {
        var random = new Random(seed);
        await using Team team = await Team.CreateAsync(2, 1, ("d0", ConflictPolicy.Merge), ("d1/t0", ConflictPolicy.FirstWriteWins));
        ReplicaId author = Team.IdOf(77);
        byte[] head = AuthorTable.ChainStart(author);
        long first = 1;
        for (int i = 0; i < 3; i++)
        {
            BatchColumns columns = ForeignBatches.Build(random, first, others: 0);
            byte[] batch = new BatchWriter().Write(columns, first);
            head = AuthorTable.ChainNext(head, batch);
            long last = first + columns.MutationCount - 1;
            Assert.True(await team[0].ApplyAsync(new BatchRun(author, first, [batch], last, head), default));
            first = last + 1;
            await ReadAllAsync(team[0]);
        }
        foreach (EntityKey key in team[0].Writer.Cache.Keys(null, null).Where(k => !k.IsSpaceData))
        {
            await team[0].CommitAsync(tx => tx.Upsert(key).Set("a", 1).Patch(Value.ParseJson("""{"b":{"c":null},"species":{"x":1}}""")));
            await team[0].CommitAsync(tx => tx.Update(key).Replace(Value.ParseJson("""{"a":{"b":2}}""")));
            await team[0].CommitAsync(tx => tx.Delete(key));
            await team[0].CommitAsync(tx => tx.Create(key).Set("a", 1));
            await ReadAllAsync(team[0]);
        }
        await team.MeetAllAsync();
        string dump = await World.DumpAsync(team[0]);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(dump, await World.DumpAsync(team[i]));
            await team.ReopenAsync(i);
            Assert.Equal(dump, await World.DumpAsync(team[i]));
        }
    });

    private static async Task ReadAllAsync(Replica replica)
    {
        await World.DumpAsync(replica);
        Assert.Empty((await replica.AuditAsync()).Unaccounted);
        foreach (QueuedMutation queued in replica.Mutations())
        {
            // Of what was purged nothing is left.
            if (replica.GetWithDeleted(queued.Mutation.Key) is not { } entity) continue;
            foreach (Change change in queued.Mutation.Changes)
            {
                _ = entity[change.Path];
                _ = entity.Siblings(change.Path);
                _ = entity.GetSet(change.Path);
            }
        }
    }
}
