using System.Buffers;

namespace Crdt.Properties;

/// <summary>What a session costs grows with what differs, not with how many ever wrote.</summary>
[Trait("Spec", "WF-4.19")]
[Trait("Spec", "WF-4.20")]
public class HeadsByPartsTests
{
    private const int Writers = 400;
    private static readonly EntityKey Strike = new("incident", "strike", "42");

    [Fact]
    [Trait("Law", "14")]
    public async Task With_hundreds_of_writers_a_change_costs_little_more_than_with_two()
    {
        await using Team team = await Team.CreateAsync(2);
        await WriteByManyAsync(team, [0, 1]);
        await MeetAsync(team[0], team[1]);
        await team[0].CommitAsync(tx => tx.Upsert(Strike).Set("species", "gull"));
        long bytes = await MeetAsync(team[0], team[1]);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        // All heads alone would take 12 KB each way, and what each side holds as much again.
        Assert.InRange(bytes, 800, 2_500);
        Assert.InRange(await MeetAsync(team[0], team[1]), 80, 400);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(300)]
    public async Task Who_knows_few_writers_meets_who_knows_many(int known)
    {
        await using Team team = await Team.CreateAsync(2);
        await WriteByManyAsync(team, [0, 1], 0, known);
        await WriteByManyAsync(team, [0], known, Writers);
        await team[1].CommitAsync(tx => tx.Upsert(Strike).Set("species", "crow"));
        await MeetAsync(team[0], team[1]);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        Assert.Equal(Writers + 2, team[1].Vector.Count);
        Assert.All(team.Replicas, r => Assert.Empty(r.Divergences));
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task Two_logs_of_one_among_hundreds_are_noticed()
    {
        await using Team team = await Team.CreateAsync(2);
        await WriteByManyAsync(team, [0, 1]);
        ReplicaId twice = Team.IdOf(700);
        foreach ((int at, string species) in new[] { (0, "gull"), (1, "crow") })
            await team[at].ApplyAsync(await RunOfAsync(team, twice, species), default);
        await MeetAsync(team[0], team[1]);
        Assert.All(team.Replicas, r => Assert.Equal(twice, Assert.Single(r.Forks).Author));
    }

    [Fact]
    public async Task Heads_of_other_parts_than_those_that_differ_are_refused()
    {
        await using Team team = await Team.CreateAsync(2);
        await WriteByManyAsync(team, [0, 1]);
        await team[0].CommitAsync(tx => tx.Upsert(Strike).Set("species", "gull"));
        await team[1].CommitAsync(tx => tx.Upsert(Strike).Set("species", "crow"));
        string before = await World.DumpAsync(team[0]);
        foreach (Func<HeadsMessage, SyncMessage> lie in (Func<HeadsMessage, SyncMessage>[])
            [h => h with { Parts = h.Parts + 1 }, h => h with { Parts = null }, h => new SumsMessage(new byte[HeadSums.LengthBytes])])
        {
            using var left = new SyncSession(team[0]);
            using var right = new SyncSession(team[1]);
            var codec = new SyncMessageCodec();
            for (int i = 0; i < 2; i++) await TurnAsync(left, right);
            var told = new ArrayBufferWriter<byte>();
            Assert.True(await right.WriteNextAsync(told, default));
            var heads = Assert.IsType<HeadsMessage>(codec.Read(new ReadOnlySequence<byte>(told.WrittenMemory)));
            told.Clear();
            codec.Write(told, lie(heads));
            SyncException refused = await Assert.ThrowsAsync<SyncException>(
                () => left.ReceiveAsync(new ReadOnlySequence<byte>(told.WrittenMemory), default).AsTask());
            Assert.Equal(SyncError.UnexpectedMessage, refused.Error);
        }
        Assert.Equal(before, await World.DumpAsync(team[0]));
    }

    private static async Task TurnAsync(SyncSession left, SyncSession right)
    {
        var (one, other) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        Assert.True(await left.WriteNextAsync(one, default) & await right.WriteNextAsync(other, default));
        await right.ReceiveAsync(new ReadOnlySequence<byte>(one.WrittenMemory), default);
        await left.ReceiveAsync(new ReadOnlySequence<byte>(other.WrittenMemory), default);
    }

    /// <summary>A session as it is outside of tests.</summary>
    private static async Task<long> MeetAsync(Replica a, Replica b)
    {
        using var left = new SyncSession(a);
        using var right = new SyncSession(b);
        long bytes = 0;
        for (long moved = 1; moved > 0; bytes += moved)
            moved = await Team.PassAsync(left, right) + await Team.PassAsync(right, left);
        return bytes;
    }

    private static async Task WriteByManyAsync(Team team, int[] at, int from = 0, int to = Writers)
    {
        for (int i = from; i < to; i++)
        {
            BatchRun run = await RunOfAsync(team, Guid(i), $"{i}");
            foreach (int replica in at) await team[replica].ApplyAsync(run, default);
        }
    }

    private static ReplicaId Guid(int number)
    {
        Span<byte> bytes = stackalloc byte[ReplicaId.LengthBytes];
        new Random(number).NextBytes(bytes);
        return ReplicaId.FromRandom(bytes);
    }

    private static async Task<BatchRun> RunOfAsync(Team team, ReplicaId author, string species)
    {
        var store = new MemoryReplicaStore(new ReplicaIdentity(team.Genesis.Space, author, ReplicaRole.Client));
        await using Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = team.Genesis });
        await replica.CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", $"{author}")).Set("species", species));
        return (await World.RunsOfAsync(replica)).Single(r => r.Author == author);
    }
}
