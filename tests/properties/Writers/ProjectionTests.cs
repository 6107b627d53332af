using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>The projection follows the log, never runs ahead of it, and keeps what has to be applied again small.</summary>
public class ProjectionTests
{
    private static readonly SpaceGenesis Genesis =
        SpaceGenesis.Create(Team.IdOf(200), "test", [], new FakeTimeProvider(Team.Start));

    private static EntityKey Key(int number) => new("incident", "strike", $"{number}");

    [Fact]
    public async Task A_projection_asked_for_in_the_midst_of_a_group_that_fails_tells_nothing_of_it()
    {
        var store = NewStore();
        Replica replica = await OpenAsync(store);
        await replica.CommitAsync(tx => tx.Create(Key(0)).Set("n", 0));
        store.Gate.Close();
        Task first = replica.CommitAsync(tx => tx.Create(Key(1)).Set("n", 1)).AsTask();
        Task second = replica.CommitAsync(tx => tx.Create(Key(2)).Set("n", 2)).AsTask();
        Task flush = replica.FlushAsync().AsTask();
        store.Gate.Problem = new IOException("The disk is full.");
        store.Gate.Release();
        await Assert.ThrowsAsync<IOException>(() => first);
        await Assert.ThrowsAsync<IOException>(() => second);
        await flush;
        store.Gate.Problem = null;

        Replica reopened = await OpenAsync(store);
        Assert.Equal(1, reopened.Vector[reopened.Id]);
        await reopened.CommitAsync(tx => tx.Create(Key(3)).Set("n", 3));
        Assert.Empty((await reopened.AuditAsync()).Unaccounted);
        await using Replica peer = await OpenAsync(NewStore(2));
        await Team.MeetAsync(reopened, peer);
        Assert.Equal(["0", "3"], peer.Query("incident", "strike").Select(e => e.Key.Id));
    }

    [Fact]
    public async Task One_entity_that_is_edited_often_is_projected_all_the_same()
    {
        var store = NewStore();
        await using Replica replica = await OpenAsync(store, entitiesPerUpdate: 10);
        await replica.CommitAsync(tx => tx.Create(Key(0)).Set("n", 0));
        for (int i = 1; i <= 200; i++) await replica.CommitAsync(tx => tx.Update(Key(0)).Set("n", i));
        Assert.InRange(store.Updates, 3, 20);
    }

    [Fact]
    public async Task What_was_forgotten_is_read_back_as_it_was()
    {
        var store = NewStore();
        await using Replica replica = await OpenAsync(store, entitiesPerUpdate: 50, cached: 100);
        for (int i = 0; i < 1_000; i++) await replica.CommitAsync(tx => tx.Create(Key(i)).Set("n", i).Increment("c", i + 1));
        Assert.InRange(replica.Writer.Cache.Count, 1, 400);
        for (int i = 0; i < 1_000; i += 37) Assert.Equal($$"""{"c":{{i + 1}},"n":{{i}}}""", replica.Get(Key(i))!.ToJson());
        StateDigest digest = (await replica.GetStatusAsync()).Digest;
        await replica.FlushAsync();
        await using Replica reopened = await OpenAsync(store, cached: 100);
        Assert.Equal(digest, (await reopened.GetStatusAsync()).Digest);
        Assert.Equal(1_000, reopened.Query("incident", "strike").Count());
    }

    [Fact]
    public async Task A_projection_that_fails_is_tried_again_with_the_next_commit_and_not_before()
    {
        var store = NewStore();
        await using Replica replica = await OpenAsync(store, entitiesPerUpdate: 1);
        store.ProjectionProblem = new IOException("The disk is full.");
        int before = store.Updates;
        await replica.CommitAsync(tx => tx.Create(Key(0)).Set("n", 0));
        Assert.Equal(before + 1, store.Updates);
        Assert.Same(store.ProjectionProblem, replica.ProjectionError);
        store.ProjectionProblem = null;
        await replica.CommitAsync(tx => tx.Create(Key(1)).Set("n", 1));
        Assert.Null(replica.ProjectionError);
        Assert.NotNull(store.ReadState(Key(0)));
        Assert.NotNull(store.ReadState(Key(1)));
    }

    private static ProjectingStore NewStore(int number = 1) =>
        new(new ReplicaIdentity(Genesis.Space, Team.IdOf(number), ReplicaRole.Client));

    private static async Task<Replica> OpenAsync(ProjectingStore store, int entitiesPerUpdate = 1_000, int cached = 10_000) =>
        await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = new FakeTimeProvider(Team.Start),
            Genesis = Genesis,
            ProjectedEntitiesPerUpdate = entitiesPerUpdate,
            CachedEntitiesMax = cached,
        });
}
