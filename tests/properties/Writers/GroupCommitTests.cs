using System.Buffers;

namespace Crdt.Properties;

public class GroupCommitTests
{
    private static EntityKey Key(int number) => new("incident", "strike", $"{number}");

    [Fact]
    public async Task A_transaction_given_up_in_the_midst_of_a_group_leaves_a_batch_that_others_read()
    {
        await using var gated = await GatedReplica.OpenAsync();
        Task first = gated.Replica.CommitAsync(tx => tx.Create(Key(0))).AsTask();
        Task small = gated.Replica.CommitAsync(tx => tx.Create(Key(1)).Set("a", 1).Set("b", 2)).AsTask();
        Task failing = gated.Replica.CommitAsync(tx =>
        {
            EntityEdit edit = tx.Create(Key(2));
            for (int i = 0; i < 20; i++) edit.Set($"field {i}", i);
            tx.Create(Key(1));
        }).AsTask();
        Task repeats = gated.Replica.CommitAsync(tx =>
        {
            tx.Create(Key(3)).Set("c", 1).Set("d", 1);
            tx.Create(Key(4)).Set("c", 2).Set("d", 2);
        }).AsTask();
        gated.Store.Release();
        await Task.WhenAll(first, small, repeats);
        await Assert.ThrowsAsync<MutationException>(() => failing);

        await using Replica other = await gated.OpenPeerAsync();
        await Team.MeetAsync(gated.Replica, other);
        Assert.Equal(["0", "1", "3", "4"], other.Query("incident", "strike").Select(e => e.Key.Id));
        Assert.Equal("""{"c":2,"d":2}""", other.Get(Key(4))!.ToJson());
    }

    [Fact]
    public async Task An_edit_that_overflows_fails_alone_and_not_those_that_wait_with_it()
    {
        await using var gated = await GatedReplica.OpenAsync();
        Task first = gated.Replica.CommitAsync(tx => tx.Create(Key(0)).Increment("n", long.MaxValue)).AsTask();
        Task good = gated.Replica.CommitAsync(tx => tx.Create(Key(1)).Set("a", 1)).AsTask();
        Task bad = gated.Replica.CommitAsync(
            tx => tx.Update(Key(0)).Replace(Value.ObjectOf([new("n", long.MinValue)]))).AsTask();
        gated.Store.Release();
        await first;
        await good;
        MutationException error = await Assert.ThrowsAsync<MutationException>(() => bad);
        Assert.Equal(MutationError.CounterOverflow, error.Error);
    }

    [Fact]
    public async Task Transactions_that_wait_together_become_durable_together_each_a_whole_by_itself()
    {
        await using var gated = await GatedReplica.OpenAsync();
        Task first = gated.Replica.CommitAsync(tx => tx.Create(Key(0))).AsTask();
        var waiting = new List<Task>();
        for (int i = 1; i <= 10; i++)
        {
            int number = i;
            waiting.Add(gated.Replica.CommitAsync(tx =>
            {
                tx.Create(Key(number)).Set("n", number);
                tx.Create(Key(number + 100)).Set("n", number);
            }).AsTask());
        }
        Assert.All(waiting, w => Assert.False(w.IsCompleted));
        int before = gated.Store.Appends;
        gated.Store.Release();
        await Task.WhenAll([first, .. waiting]);
        Assert.Equal(before + 1, gated.Store.Appends);
        Mutation[] made = [.. gated.Replica.Mutations(new() { Author = gated.Replica.Id }).Select(m => m.Mutation)];
        Assert.Equal(21, made.Length);
        Assert.Equal([.. Enumerable.Range(1, 21).Select(i => (long)i)], made.Select(m => m.Dot.Sequence));
        Assert.Equal(11, made.Count(m => m.EndsTransaction));
        Assert.All(made.Skip(1).Chunk(2), pair => Assert.Equal([false, true], pair.Select(m => m.EndsTransaction)));
    }

    [Fact]
    public async Task A_failed_append_leaves_everything_as_it_was_and_the_next_commit_works()
    {
        await using var gated = await GatedReplica.OpenAsync();
        gated.Store.Release();
        await gated.Replica.CommitAsync(tx => tx.Create(Key(0)).Set("n", 1).Increment("views"));
        await gated.Replica.CommitAsync(tx => tx.Update(Key(0)).Set("n", 2));
        ReplicaStatus before = await gated.Replica.GetStatusAsync();
        string json = gated.Replica.Get(Key(0))!.ToJson();

        gated.Store.Problem = new IOException("The disk is full.");
        await Assert.ThrowsAsync<IOException>(() => gated.Replica.CommitAsync(tx =>
        {
            tx.Update(Key(0)).Set("n", 3).Increment("views");
            tx.Create(Key(1)).Set("n", 3);
        }).AsTask());
        Assert.Equal(before, await gated.Replica.GetStatusAsync());
        Assert.Equal(json, gated.Replica.Get(Key(0))!.ToJson());
        Assert.Null(gated.Replica.GetWithDeleted(Key(1)));

        gated.Store.Problem = null;
        CommitResult next = await gated.Replica.CommitAsync(tx => tx.Create(Key(1)).Set("n", 4));
        Assert.Equal(3, next.FirstSequence);
        await using Replica other = await gated.OpenPeerAsync();
        await Team.MeetAsync(gated.Replica, other);
        Assert.Equal((await gated.Replica.GetStatusAsync()).Digest, (await other.GetStatusAsync()).Digest);
        Assert.Equal(3, other.Vector[gated.Replica.Id]);
    }

    [Fact]
    public async Task An_append_that_fails_while_a_run_is_closed_keeps_the_run_open_and_whole()
    {
        await using var gated = await GatedReplica.OpenAsync();
        gated.Store.Release();
        await gated.Replica.CommitAsync(tx => tx.Create(Key(0)).Set("n", 1));
        gated.Store.Problem = new IOException("The disk is full.");
        using (var session = new SyncSession(gated.Replica))
        {
            var buffer = new ArrayBufferWriter<byte>();
            await Assert.ThrowsAsync<IOException>(() => session.WriteNextAsync(buffer, default).AsTask());
        }
        gated.Store.Problem = null;
        await gated.Replica.CommitAsync(tx => tx.Create(Key(1)).Set("n", 1));
        await using Replica other = await gated.OpenPeerAsync();
        await Team.MeetAsync(gated.Replica, other);
        Assert.Equal(2, other.Vector[gated.Replica.Id]);
    }
}
