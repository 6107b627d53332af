using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Two replicas with equal vectors and different states find out in which entities they differ.</summary>
[Trait("Spec", "WF-4.8")]
public class DivergenceTests
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_entities_that_differ_are_named_on_both_sides_and_the_session_goes_on(bool isProjecting)
    {
        await using Team team = await CreateAsync(600, isProjecting);
        EntityKey[] damaged = [.. new[] { 3, 77, 78, 500 }.Select(Key).Order()];
        await DamageAsync(team[1], damaged);
        var told = new List<Divergence>();
        team[0].Diverged += (_, divergence) => told.Add(divergence);
        using SyncSession left = new(team[0]), right = new(team[1]);
        await TalkAsync(left, right);
        Assert.True(left.IsInSync && right.IsInSync);
        Assert.Equal(damaged, left.Progress.Divergence!.Keys);
        Assert.Equal(damaged, right.Progress.Divergence!.Keys);
        Assert.Equal([null, damaged], told.Select(d => d.Keys));
        foreach (int side in new[] { 0, 1 })
        {
            Divergence kept = Assert.Single(team[side].Divergences);
            Assert.Equal(team[1 - side].Id, kept.Peer);
            Assert.Equal(damaged, kept.Keys);
            Assert.False(kept.IsCutOff);
        }
        await team[0].CommitAsync(tx => tx.Create(new("d", "u", "later")));
        await TalkAsync(left, right);
        Assert.NotNull(team[1].Get(new("d", "u", "later")));
    }

    [Fact]
    public async Task A_divergence_is_remembered_until_both_are_equal_again()
    {
        await using Team team = await CreateAsync(50, isProjecting: false);
        await DamageAsync(team[1], [Key(7)]);
        await team.MeetAsync(0, 1);
        await team.ReopenAsync(0);
        Assert.Equal([Key(7)], Assert.Single(team[0].Divergences).Keys);
        // Begun anew from its log, the damaged one is sound.
        await team.ReopenAsync(1);
        Assert.Single(team[1].Divergences);
        await team.MeetAsync(0, 1);
        Assert.Empty(team[0].Divergences);
        Assert.Empty(team[1].Divergences);
        await team.ReopenAsync(0);
        Assert.Empty(team[0].Divergences);
    }

    [Fact]
    public async Task Few_differences_among_many_entities_cost_few_small_messages()
    {
        await using Team team = await CreateAsync(4_000, isProjecting: false);
        long equal = (await Team.MeetAsync(team[0], team[1])).AToB;
        await DamageAsync(team[1], [Key(1_234), Key(2_345)]);
        long bytes = (await Team.MeetAsync(team[0], team[1])).AToB - equal;
        Assert.Equal(2, team[0].Divergences[0].Keys!.Count);
        Assert.InRange(bytes, 100, 4_000);
    }

    [Fact]
    public async Task At_most_a_thousand_are_named()
    {
        await using Team team = await CreateAsync(1_500, isProjecting: false);
        await DamageAsync(team[0], [.. Enumerable.Range(0, 1_500).Select(Key)]);
        await team.MeetAsync(0, 1);
        Divergence found = Assert.Single(team[1].Divergences);
        Assert.Equal((Divergence.KeysMax, true), (found.Keys!.Count, found.IsCutOff));
        Assert.Equal(found.Keys.Order(), found.Keys);
        Assert.Equal(found.Keys, Assert.Single(team[0].Divergences).Keys);
    }

    [Fact]
    public async Task What_is_written_meanwhile_does_not_count_as_a_difference()
    {
        await using Team team = await CreateAsync(300, isProjecting: false);
        await DamageAsync(team[1], [Key(200)]);
        using SyncSession left = new(team[0]), right = new(team[1]);
        for (int i = -2; i < 4; i++)
        {
            await Team.PassAsync(left, right);
            await Team.PassAsync(right, left);
            int n = i;
            // Not before both have said what they hold.
            if (n < 0) continue;
            await team[n % 2].CommitAsync(tx => tx.Update(Key(n)).Set("n", -n));
        }
        await TalkAsync(left, right);
        Assert.Equal([Key(200)], left.Progress.Divergence!.Keys);
        Assert.Equal([Key(200)], right.Progress.Divergence!.Keys);
    }

    /// <summary>Any two sets of entities, told in any interleaving: what is found is what differs.</summary>
    [Fact]
    public void What_is_found_is_what_differs() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        int count = random.Next(1, 4) switch { 1 => random.Next(20), 2 => random.Next(300), _ => random.Next(3_000) };
        Dictionary<EntityKey, UInt128> left = Enumerable.Range(0, count).ToDictionary(Key, i => (UInt128)(i + 1));
        Dictionary<EntityKey, UInt128> right = new(left);
        for (int i = random.Next(3) == 0 ? random.Next(900) : random.Next(10); i > 0; i--)
        {
            Dictionary<EntityKey, UInt128> side = random.Next(2) == 0 ? left : right;
            EntityKey key = Key(random.Next(count + 5));
            if (random.Next(3) == 0) side.Remove(key);
            else side[key] = (UInt128)random.NextInt64();
        }
        EntityKey[] differing = [.. left.Keys.Union(right.Keys)
            .Where(k => !left.TryGetValue(k, out UInt128 l) || !right.TryGetValue(k, out UInt128 r) || l != r).Order()];
        var searches = new[] { left, right }.Select(s => new DivergenceSearch(new byte[8], new DigestIndex(s.Select(e => (e.Key, e.Value))))).ToArray();
        var wires = new[] { new Queue<RangesMessage>(), new Queue<RangesMessage>() };
        while (searches.Any(s => !s.IsDone || s.HasOutgoing))
        {
            int side = random.Next(2);
            if (random.Next(2) == 0 && searches[side].TakeOutgoing() is { } sent) wires[1 - side].Enqueue(Again(sent));
            else if (wires[side].TryDequeue(out RangesMessage? heard)) searches[side].Take(heard);
        }
        Assert.All(searches, s => Assert.Equal(differing, s.Found));
        Assert.All(searches, s => Assert.False(s.IsCutOff));
    });

    public static TheoryData<string> Nonsense => [.. Lies.Keys];

    private static readonly Dictionary<string, Func<RangesMessage, RangesMessage>> Lies = new()
    {
        ["another step"] = m => m with { Step = m.Step + 1 },
        ["another range"] = m => m with { Ranges = [m.Ranges[0] with { Range = m.Ranges[0].Range.Part(3) }, .. m.Ranges.Skip(1)] },
        ["too many ranges"] = m => m with { Ranges = [.. m.Ranges, m.Ranges[0]] },
        ["entities for sums"] = m => m with { Ranges = [new RangeSummary(m.Ranges[0].Range, null, []), .. m.Ranges.Skip(1)] },
        ["other sums"] = m => m with
        {
            Ranges = [.. m.Ranges.Select(r => r.Parts is null ? r with { Entities = [.. r.Entities!.Select(e => e with { Digest = e.Digest + 1 })] }
                : r with { Parts = [.. r.Parts.Select(p => p with { Digest = p.Count == 0 ? 0 : p.Digest + 1 })] })],
        },
        ["other entities"] = m => m with { Ranges = [.. m.Ranges.Select(r => r with { Parts = null, Entities = [new(new("no", "such", "thing"), 1)] })] },
        ["no entities"] = m => m with { Ranges = [.. m.Ranges.Select(r => r with { Parts = null, Entities = [] })] },
    };

    /// <summary>A peer follows the search up to some step, and then lies.</summary>
    [Theory]
    [Trait("Error", nameof(SyncError.BadMessage))]
    [Trait("Error", nameof(SyncError.UnexpectedMessage))]
    [MemberData(nameof(Nonsense))]
    public async Task A_peer_that_tells_nonsense_is_refused(string lie)
    {
        await using Team team = await CreateAsync(400, isProjecting: false);
        string before = await World.DumpAsync(team[0]);
        for (int lieAt = 1; lieAt < 4; lieAt++)
        {
            using var session = new SyncSession(team[0]);
            (Impostor impostor, RangesMessage first) = await DifferAsync(team[0], session);
            var index = new DigestIndex(Enumerable.Range(0, 400).Select(i => (Key(i), (UInt128)(i + 1))));
            var search = new DivergenceSearch(RangesMessage.MomentOf(team[0].Heads), index);
            SyncException? refused = null;
            for (int step = 0; refused is null && !search.IsDone; step++)
            {
                RangesMessage honest = search.TakeOutgoing()!;
                if (step >= lieAt) honest = Lies[lie](honest);
                refused = await Record.ExceptionAsync(() => impostor.SayAsync(honest).AsTask()) as SyncException;
                if (refused is null) search.Take(step == 0 ? first : (RangesMessage)(await impostor.HearAsync())!);
            }
            Assert.True(refused!.Error is SyncError.UnexpectedMessage or SyncError.BadMessage, refused.Message);
        }
        Assert.Equal(before, await World.DumpAsync(team[0]));
    }

    [Fact]
    public async Task A_peer_cannot_make_a_replica_search_without_end()
    {
        await using Team team = await CreateAsync(10, isProjecting: false);
        using var session = new SyncSession(team[0]);
        (Impostor impostor, _) = await DifferAsync(team[0], session);
        var index = new DigestIndex([]);
        for (int i = 0; i < 16; i++)
        {
            await impostor.SayAsync(new RangesMessage(new byte[8], 0, [index.Summarize(new KeyRange(0, 0), false)]));
            Assert.True(Assert.IsType<RangesMessage>(await impostor.HearAsync()).Ranges.Count <= 1);
        }
        SyncException refused = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(
            new RangesMessage(new byte[8], 0, [index.Summarize(new KeyRange(0, 0), false)])).AsTask());
        Assert.Equal(SyncError.UnexpectedMessage, refused.Error);
    }

    private static async Task<(Impostor Impostor, RangesMessage First)> DifferAsync(Replica victim, SyncSession session)
    {
        var impostor = new Impostor(session);
        await impostor.HearAsync();
        await impostor.SayAsync(Impostor.Have(Impostor.Id));
        await impostor.SayAsync(new HeadsMessage(1, [.. victim.Heads]));
        await impostor.SayAsync(new StatementsMessage([]));
        while (true)
        {
            if (await impostor.HearAsync() is RangesMessage first) return (impostor, first);
        }
    }

    private static EntityKey Key(int i) => new("d", "t", $"{i}");

    private static RangesMessage Again(RangesMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        new SyncMessageCodec().Write(bytes, message);
        return (RangesMessage)new SyncMessageCodec().Read(new ReadOnlySequence<byte>(bytes.WrittenMemory));
    }

    private static async Task<Team> CreateAsync(int entities, bool isProjecting)
    {
        Team team = await Team.CreateAsync(new TeamOptions { Devices = 2, IsProjecting = isProjecting });
        for (int from = 0; from < entities; from += 50)
        {
            await team[0].CommitAsync(tx =>
            {
                for (int i = from; i < Math.Min(from + 50, entities); i++) tx.Create(Key(i)).Set("n", i);
            });
        }
        await team.MeetAsync(0, 1);
        return team;
    }

    private static async Task TalkAsync(SyncSession left, SyncSession right)
    {
        while (await Team.PassAsync(left, right) + await Team.PassAsync(right, left) > 0)
        {
            // Until both have said everything.
        }
    }

    /// <summary>Adds siblings that nobody wrote, as a defect or a flipped bit would.</summary>
    private static async Task DamageAsync(Replica replica, EntityKey[] keys)
    {
        await replica.Writer.EnqueueAsync(new CallWork(writer =>
        {
            writer.Cache.BeginUnit();
            foreach (EntityKey key in keys)
            {
                EntityState state = writer.Cache.ToWorking(writer.Cache.GetOrLoad(key), 1);
                state.Append(new SiblingSlot("zz", new LocalDot(0, 1, ReplicaRole.Client), new HybridTimestamp(1), 1, null));
            }
        }), default);
        await replica.Writer.EnqueueAsync(new CallWork(static _ => { }), default);
    }
}
