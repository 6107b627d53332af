using Xunit.Abstractions;

namespace Crdt.Properties;

/// <summary>What is written once crosses each link about once, however many links there are.</summary>
public class MeshTreeTests(ITestOutputHelper output)
{
    [Fact]
    [Trait("Spec", "WF-4.17")]
    [Trait("Spec", "WF-4.18")]
    public async Task A_full_mesh_of_ten_carries_each_run_nine_times()
    {
        await using Team team = await Team.CreateAsync(10);
        using var mesh = new VirtualMesh(team);
        var random = new Random(7);
        for (int a = 0; a < 10; a++)
        {
            for (int b = 0; b < a; b++) mesh.Connect(a, b, random.Next(5, 60));
        }
        await mesh.DrainAsync();
        for (int i = 0; i < 5; i++) await CommitAsync(mesh, i % 10, i);
        mesh.Carried = default;
        for (int i = 0; i < 50; i++) await CommitAsync(mesh, i % 10, i);
        output.WriteLine($"50 runs: {mesh.Carried}, most on a link {mesh.Links.Max(l => l.Runs)}");
        await CheckAsync(team, mesh);
        Assert.InRange(mesh.Carried.Runs, 450, 460);
    }

    [Fact]
    [Trait("Spec", "WF-4.17")]
    [Trait("Spec", "WF-4.18")]
    public async Task Two_hundred_replicas_get_everything_about_once_also_while_links_come_and_go()
    {
        const int Count = 200;
        await using Team team = await Team.CreateAsync(Count);
        using var mesh = new VirtualMesh(team);
        var random = new Random(11);
        void Connect(int a, int b) => mesh.Connect(a, b, random.Next(2, 200));
        for (int a = 1; a < Count; a++)
        {
            foreach (int b in Enumerable.Range(0, 3).Select(_ => random.Next(a)).Distinct()) Connect(a, b);
        }
        await mesh.DrainAsync();
        int value = 0;
        async Task WriteAsync(string when)
        {
            mesh.Carried = default;
            // Three at once, and the next before all of it has arrived.
            for (int i = 0; i < 4; i++)
            {
                foreach (int author in ThreeOf(Count, random)) await mesh.CommitAsync(author, $"{value % 20}", value++);
                await mesh.DrainAsync(mesh.NowMs + 300);
            }
            await mesh.DrainAsync();
            output.WriteLine($"{mesh.NowMs / 1000.0:0.0} s, {when}: {mesh.Links.Count} links, 12 runs: {mesh.Carried} = "
                + $"{mesh.Carried.Runs / 12.0 / (Count - 1):0.00} of a tree's");
        }

        await WriteAsync("at first");
        await CheckAsync(team, mesh);
        await WriteAsync("then");
        Assert.InRange(mesh.Carried.Runs, 12 * (Count - 1), (long)(12 * (Count - 1) * 1.05));
        // Every tenth link is cut while things are on their way, and as many others come.
        foreach (int author in ThreeOf(Count, random)) await mesh.CommitAsync(author, $"{value % 20}", value++);
        await mesh.DrainAsync(mesh.NowMs + 100);
        VirtualMesh.Link[] cut = [.. mesh.Links.Where(_ => random.Next(10) == 0)];
        foreach (VirtualMesh.Link link in cut) mesh.Cut(link);
        foreach (VirtualMesh.Link _ in cut) Connect(random.Next(Count / 2), (Count / 2) + random.Next(Count / 2));
        await mesh.DrainAsync();
        await WriteAsync("after cuts");
        await CheckAsync(team, mesh);
        await WriteAsync("a while after cuts");
        Assert.InRange(mesh.Carried.Runs, 12 * (Count - 1), (long)(12 * (Count - 1) * 1.2));
    }

    [Fact]
    [Trait("Spec", "WF-4.18")]
    public async Task What_does_not_come_along_the_tree_is_asked_for_after_a_second()
    {
        await using Team team = await Team.CreateAsync(4);
        using var mesh = new VirtualMesh(team);
        for (int a = 0; a < 4; a++)
        {
            for (int b = 0; b < a; b++) mesh.Connect(a, b, latencyMs: 10);
        }
        await mesh.DrainAsync();
        for (int i = 0; i < 4; i++) await CommitAsync(mesh, i, i);
        // A star around one of them, and one of its links goes dead without a word.
        ReplicaId root = team.Replicas.Min(r => r.Id);
        int middle = Enumerable.Range(0, 4).Single(i => team[i].Id == root), author = (middle + 1) % 4, far = (middle + 2) % 4;
        Assert.All(mesh.Links, l => Assert.Equal(l.Ends.Contains(middle), l.Sessions[0].Progress.IsEager));
        VirtualMesh.Mute(mesh.Links.Single(l => l.Ends.Contains(middle) && l.Ends.Contains(far)));
        long before = mesh.NowMs;
        await mesh.CommitAsync(author, "1", 100);
        await mesh.DrainAsync(before + 900);
        Assert.NotEqual(team[author].Vector, team[far].Vector);
        await mesh.DrainAsync(before + 1_200);
        Assert.Equal(team[author].Vector, team[far].Vector);
        // One of the two neighbours was asked, and sends what follows at once.
        before = mesh.NowMs;
        await mesh.CommitAsync(author, "1", 101);
        await mesh.DrainAsync(before + 100);
        Assert.Equal(team[author].Vector, team[far].Vector);
    }

    [Fact]
    [Trait("Spec", "WF-4.17")]
    public async Task A_neighbour_that_draws_the_tree_to_itself_and_passes_nothing_on_delays_by_a_second()
    {
        await using Team team = await Team.CreateAsync(3);
        using var mesh = new VirtualMesh(team);
        mesh.Connect(0, 1, 10);
        mesh.Connect(1, 2, 10);
        mesh.Connect(0, 2, 10);
        await mesh.DrainAsync();
        for (int i = 0; i < 3; i++) await CommitAsync(mesh, i, i);
        // It is everybody's neighbour, and has all that they have: they come to stand behind it.
        var draw = new TreeMessage(new MeshPlace(ReplicaRole.Authority, Impostor.Id, 0), false, false);
        Impostor[] told = new Impostor[3];
        for (int i = 0; i < 3; i++)
        {
            told[i] = await Impostor.GreetAsync(mesh.Attach(i));
            await told[i].SayAsync(draw);
        }
        mesh.LookAround();
        await mesh.DrainAsync();
        Assert.All(mesh.Links, l => Assert.False(l.Sessions[0].Progress.IsEager));
        long before = mesh.NowMs;
        await mesh.CommitAsync(1, "1", 100);
        await mesh.DrainAsync(before + 1_100);
        Assert.All(team.Replicas, r => Assert.Equal(team[1].Vector, r.Vector));
        before = mesh.NowMs;
        await mesh.CommitAsync(1, "1", 101);
        await mesh.DrainAsync(before + 1_100);
        Assert.All(team.Replicas, r => Assert.Equal(team[1].Vector, r.Vector));
        before = mesh.NowMs;
        await mesh.CommitAsync(1, "1", 102);
        await mesh.DrainAsync(before + 100);
        Assert.All(team.Replicas, r => Assert.Equal(team[1].Vector, r.Vector));
    }

    [Fact]
    [Trait("Spec", "WF-4.18")]
    public async Task What_somebody_holds_is_not_told_before_the_heads_are()
    {
        await using Team team = await Team.CreateAsync(1);
        using var session = new SyncSession(team[0]);
        var impostor = new Impostor(session);
        await impostor.HearAsync();
        await impostor.SayAsync(Impostor.Have(Impostor.Id));
        SyncException refused = await Assert.ThrowsAsync<SyncException>(() =>
            impostor.SayAsync(new HoldsMessage(Team.Start, VersionVector.Empty)).AsTask());
        Assert.Equal(SyncError.UnexpectedMessage, refused.Error);
    }

    [Fact]
    [Trait("Spec", "WF-4.17")]
    public async Task Nothing_is_said_about_a_tree_where_links_form_none_but_a_tree()
    {
        await using Team team = await Team.CreateAsync(8);
        using var mesh = new VirtualMesh(team);
        for (int i = 1; i < 8; i++) mesh.Connect((i - 1) / 2, i, latencyMs: 10);
        await mesh.DrainAsync();
        for (int i = 0; i < 8; i++) await CommitAsync(mesh, i, i);
        await CheckAsync(team, mesh);
        Assert.Equal((8 * 7, 0, 0), (mesh.Carried.Runs, mesh.Carried.Trees, mesh.Carried.Holds));
    }

    private static IEnumerable<int> ThreeOf(int count, Random random)
    {
        int first = random.Next(count / 3);
        return [first, first + (count / 3), first + (2 * (count / 3))];
    }

    private static async Task CommitAsync(VirtualMesh mesh, int replica, int value)
    {
        await mesh.CommitAsync(replica, $"{value % 7}", value);
        await mesh.DrainAsync();
    }

    private static async Task CheckAsync(Team team, VirtualMesh mesh)
    {
        string dump = await World.DumpAsync(team[0]);
        foreach (Replica replica in team.Replicas) Assert.Equal(dump, await World.DumpAsync(replica));
        Assert.All(mesh.Links.SelectMany(l => l.Sessions), s => Assert.True(s.IsInSync));
    }
}
