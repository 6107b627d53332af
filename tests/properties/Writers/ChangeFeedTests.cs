namespace Crdt.Properties;

/// <summary>Observing a replica: every change is told, by whoever's hand, and a slow observer gets the latest.</summary>
public class ChangeFeedTests
{
    private static readonly EntityKey Strike = new("incident", "strike", "42");
    private static readonly EntityKey Other = new("incident", "strike", "7");

    [Fact]
    public async Task Own_changes_and_those_that_arrive_are_told_alike()
    {
        await using Team team = await Team.CreateAsync(2);
        await using IAsyncEnumerator<EntityChange> changes = team[1].ChangesAsync().GetAsyncEnumerator();
        ValueTask<bool> first = changes.MoveNextAsync();
        await team[1].CommitAsync(tx => tx.Create(Other).Set("species", "heron"));
        Assert.True(await first);
        Assert.Equal(Other, changes.Current.Key);
        Assert.Equal("heron", changes.Current.Entity!.GetString("species"));

        ValueTask<bool> second = changes.MoveNextAsync();
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team.MeetAsync(0, 1);
        Assert.True(await second);
        Assert.Equal(Strike, changes.Current.Key);
        Assert.Equal("gull", changes.Current.Entity!.GetString("species"));
    }

    [Fact]
    public async Task A_slow_observer_gets_each_entity_once_as_it_is_by_then_and_misses_none()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("n", 0));
        await using IAsyncEnumerator<EntityChange> changes = team[0].ChangesAsync().GetAsyncEnumerator();
        ValueTask<bool> first = changes.MoveNextAsync();
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("n", 1));
        Assert.True(await first);
        for (int i = 2; i <= 100; i++) await team[0].CommitAsync(tx => tx.Update(Strike).Set("n", i));
        await team[0].CommitAsync(tx => tx.Create(Other));
        await team[0].CommitAsync(tx => tx.Delete(Other));

        Assert.True(await changes.MoveNextAsync());
        Assert.Equal((Strike, 100L), (changes.Current.Key, changes.Current.Entity!.GetInteger("n")));
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal((Other, null), (changes.Current.Key, changes.Current.Entity));
    }

    [Fact]
    public async Task An_observer_that_gives_up_is_let_go()
    {
        await using Team team = await Team.CreateAsync(1);
        using var enough = new CancellationTokenSource();
        await using IAsyncEnumerator<EntityChange> changes = team[0].ChangesAsync(enough.Token).GetAsyncEnumerator();
        Task<bool> next = changes.MoveNextAsync().AsTask();
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
        await team[0].CommitAsync(tx => tx.Create(Strike));
    }
}
