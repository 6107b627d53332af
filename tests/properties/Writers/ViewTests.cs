namespace Crdt.Properties;

public class ViewTests
{
    private static readonly EntityKey Key = new("d", "t", "1");

    [Fact]
    public async Task A_view_shows_its_moment_whatever_is_committed_and_whichever_other_view_is_closed()
    {
        await using Team team = await Team.CreateAsync(1);
        var views = new List<(ReplicaView View, int Shown)>();
        var random = new Random(1);
        for (int i = 0; i < 300; i++)
        {
            int value = i;
            await team[0].CommitAsync(tx => tx.Upsert(Key).Set("n", value));
            if (random.Next(2) == 0) views.Add((team[0].View(), i));
            if (views.Count > 0 && random.Next(2) == 0)
            {
                int at = random.Next(views.Count);
                views[at].View.Dispose();
                views.RemoveAt(at);
            }
            Assert.All(views, v => Assert.Equal(v.Shown, v.View.Get(Key)!.GetInteger("n")));
        }
    }

    [Fact]
    public async Task Views_that_overlap_for_ever_keep_no_more_states_than_somebody_can_see()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Key).Set("n", 0));
        ReplicaView view = team[0].View();
        for (int i = 1; i <= 100; i++)
        {
            int value = i;
            await team[0].CommitAsync(tx => tx.Update(Key).Set("n", value));
            ReplicaView next = team[0].View();
            view.Dispose();
            view = next;
        }
        await team[0].CommitAsync(tx => tx.Update(Key).Set("n", -1));
        Assert.Equal(100, view.Get(Key)!.GetInteger("n"));
        Assert.Equal(2, Held());
        view.Dispose();
        Assert.Equal(1, Held());

        int Held()
        {
            int states = 0;
            for (EntityState? s = team[0].Writer.Cache.GetOrLoad(Key).Published; s is not null; s = s.Previous) states++;
            return states;
        }
    }

    [Fact]
    public async Task A_closed_view_is_closed_once_and_reads_no_more()
    {
        await using Team team = await Team.CreateAsync(1);
        ReplicaView view = team[0].View();
        view.Dispose();
        view.Dispose();
        Assert.Throws<ObjectDisposedException>(() => view.Get(Key));
    }

    [Fact]
    [Trait("Law", "12")]
    public async Task A_view_goes_by_the_policies_of_its_own_moment_also_while_others_are_published()
    {
        // Many entities in dispute, all of which a change of the policy has to look at before it is published.
        EntityKey[] disputed = [.. Enumerable.Range(0, 300).Select(i => new EntityKey("d", "t", $"{i:D3}"))];
        var marker = new EntityKey("m", "t", "policy");
        await using Team team = await Team.CreateAsync(2, 1);
        await team[0].CommitAsync(tx => Array.ForEach(disputed, key => tx.Create(key).Set("x", 1)));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx => Array.ForEach(disputed, key => tx.Update(key).Set("x", 2)));
        await team[1].CommitAsync(tx => Array.ForEach(disputed, key => tx.Delete(key)));
        await team.MeetAllAsync();
        Replica server = team[2];
        await SetAsync(ExistencePolicy.UpdateWins);
        using var end = new CancellationTokenSource();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> reading = Task.Run(() =>
        {
            int views = 0;
            for (; !end.IsCancellationRequested; views++)
            {
                if (views > 0) begun.TrySetResult();
                using ReplicaView view = server.View();
                string policy = view.Get(marker)!.GetString("is")!;
                Assert.Equal(policy == nameof(ExistencePolicy.UpdateWins), view.Get(disputed[0]) is not null);
            }
            return views;
        });
        await Task.WhenAny(begun.Task, reading);
        for (int i = 0; i < 200 && !reading.IsCompleted; i++)
            await SetAsync(i % 2 == 0 ? ExistencePolicy.DeleteWins : ExistencePolicy.UpdateWins);
        await end.CancelAsync();
        Assert.True(await reading > 0);

        Task SetAsync(ExistencePolicy policy) => server.CommitAsync(tx =>
        {
            tx.Upsert(marker).Set("is", policy.ToString());
            tx.SetPolicy(new PolicyScope("d"), policy);
        }).AsTask();
    }
}
