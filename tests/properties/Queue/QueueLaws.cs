using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>What the index finds is what a reading of the whole log finds, whatever became of the log.</summary>
public class QueueLaws
{
    private static readonly string?[] Users = [null, "ann", "bob", "cem"];

    [Fact]
    public void A_search_by_the_index_finds_what_a_scan_of_the_log_finds() =>
        Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), CompareAsync);

    /// <summary>A log that begins with a snapshot, and a fence further back than its last head: it was taken for another log.</summary>
    [Fact]
    [Trait("Law", "13")]
    public Task Of_a_log_that_goes_on_from_a_snapshot_too_a_fence_leaves_out_what_it_cuts_off() => CompareAsync(1_209_512_710);

    private static async Task CompareAsync(int seed)
    {
        var random = new Random(seed);
        await using Team team = await CreateAsync(random);
        bool isFenced = false;
        for (int step = 0; step < 30; step++)
        {
            int at = random.Next(4);
            switch (random.Next(16))
            {
                case < 8:
                    await CommitAsync(team, at, random);
                    break;
                case < 11:
                    await team.MeetAsync(at, (at + random.Next(1, 4)) % 4);
                    break;
                case 11:
                    await team[3].TakeSnapshotAsync();
                    break;
                case 12:
                    await team[at].PruneAsync();
                    break;
                case 13:
                    await team.ReopenAsync(at);
                    break;
                case 14 when !isFenced && step > 15:
                    await team[3].FenceAsync(team[0].Id, FenceReason.Retired);
                    isFenced = true;
                    break;
                default:
                    Compare(team[at], random);
                    break;
            }
        }
        for (int i = 0; i < 4; i++)
        {
            Compare(team[i], random);
            CompareQueues(team[i]);
        }
        await team.MeetAllAsync();
        for (int i = 0; i < 4; i++) Compare(team[i], random);
        int reopened = random.Next(4);
        await team.ReopenAsync(reopened);
        Compare(team[reopened], random);
    }

    [Fact]
    public void Pages_neither_repeat_nor_miss_anything_while_others_write_and_logs_are_opened_again() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await CreateAsync(random);
            for (int i = 0; i < 30; i++) await CommitAsync(team, 1, random);
            MutationFilter filter = Draw(team[1], random) with { Status = null };
            List<Dot> before = [.. Scan(team[1], filter).Select(m => m.Dot)];
            var paged = new List<Dot>();
            MutationCursor? next = null;
            do
            {
                MutationPage page = team[1].Page(filter, random.Next(1, 5), next);
                paged.AddRange(page.Items.Select(q => q.Mutation.Dot));
                next = page.Next;
                if (next is { } cursor) Assert.True(MutationCursor.TryParse($"{cursor}", out MutationCursor read) && read == cursor);
                // Of the founding's author and of the own there is no more than was there; others come later.
                if (random.Next(2) == 0) await CommitAsync(team, 1, random);
                if (random.Next(4) == 0) await team.MeetAsync(1, 3);
                if (random.Next(6) == 0) await team.ReopenAsync(1);
            }
            while (next is not null);
            Assert.Equal(paged.Distinct(), paged);
            if (filter.Order == MutationOrder.NewestFirst) Assert.Equal(before, paged);
            else Assert.Equal(before, paged.Take(before.Count));
        });

    [Fact]
    public void A_mutations_uuid_leads_back_to_it_among_any_authors() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            ReplicaId[] authors = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ =>
            {
                byte[] bytes = new byte[16];
                random.NextBytes(bytes);
                return ReplicaId.FromRandom(bytes);
            })];
            var dot = new Dot(authors[random.Next(authors.Length)], random.NextInt64(1, Dot.SequenceMax + 1));
            Assert.Equal(dot, MutationId.Find(MutationId.Of(dot), authors));
            Assert.Null(MutationId.Find(MutationId.Of(dot), authors.Where(a => a != dot.Replica)));
            Assert.Null(MutationId.Find(new Guid(random.Next(), 0, 0, new byte[8]), authors));
        });

    private static async Task<Team> CreateAsync(Random random)
    {
        Team team = await Team.CreateAsync(new TeamOptions
        {
            Devices = 3,
            Servers = 1,
            IsProjecting = random.Next(2) == 0,
            Policies = [("d/t/manual", ConflictPolicy.Manual)],
        });
        team.Admissions[3] = new RefuseWhere(m => m.Context.Kind == ValueKind.Integer);
        await team.ReopenAsync(3);
        return team;
    }

    private static async Task CommitAsync(Team team, int at, Random random)
    {
        team.Clocks[at].Advance(TimeSpan.FromMilliseconds(random.Next(4)));
        Transaction transaction = team[at].Begin(Users[random.Next(Users.Length)]);
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            EntityEdit edit = transaction.Upsert(Key(random)).Set(random.Next(2) == 0 ? "manual" : "a", random.Next());
            if (random.Next(6) == 0) edit.WithContext(1);
            if (random.Next(4) == 0) edit.Origin = new MutationOrigin(Request(random), null);
        }
        await transaction.CommitAsync();
    }

    private static EntityKey Key(Random random) => new("d", random.Next(4) == 0 ? "u" : "t", $"{random.Next(5)}");

    private static Guid Request(Random random) => new(random.Next(8) + 1, 0, 0, new byte[8]);

    private static MutationFilter Draw(Replica replica, Random random)
    {
        bool IsSet() => random.Next(4) == 0;
        VersionVector vector = replica.Vector;
        Dot some = vector.ElementAt(random.Next(vector.Count));
        DateTimeOffset from = Team.Start.AddMilliseconds(random.Next(30));
        return new MutationFilter
        {
            Status = IsSet() || IsSet() ? (MutationStatus)random.Next(4) : null,
            Author = IsSet() ? some.Replica : null,
            User = IsSet() ? Users[random.Next(1, Users.Length)] : null,
            Kind = IsSet() ? (MutationKind)random.Next(7) : null,
            Domain = IsSet() ? "d" : null,
            Type = IsSet() ? "u" : null,
            Key = IsSet() ? Key(random) : null,
            From = IsSet() ? from : null,
            To = IsSet() ? from.AddMilliseconds(random.Next(30)) : null,
            Id = random.Next(10) == 0 ? MutationId.Of(some with { Sequence = random.NextInt64(some.Sequence + 1) + 1 }) : null,
            RequestId = IsSet() ? Request(random) : null,
            Order = (MutationOrder)random.Next(2),
        };
    }

    private static void Compare(Replica replica, Random random)
    {
        for (int i = 0; i < 3; i++)
        {
            MutationFilter filter = random.Next(8) == 0 ? new MutationFilter() : Draw(replica, random);
            List<Mutation> expected = Scan(replica, filter);
            List<QueuedMutation> found = [.. replica.Mutations(filter)];
            Assert.Equal(expected.Select(m => m.Dot), found.Select(q => q.Mutation.Dot));
            foreach (QueuedMutation queued in found.Take(5))
            {
                Assert.Equal(StatusOf(replica, queued.Mutation.Dot), queued.Status);
                Assert.Equal(queued.Status, replica.FindMutation(queued.Mutation.Id)!.Status);
            }
            var paged = new List<Dot>();
            MutationCursor? next = null;
            do
            {
                MutationPage page = replica.Page(filter, random.Next(1, 6), next);
                paged.AddRange(page.Items.Select(q => q.Mutation.Dot));
                next = page.Next;
            }
            while (next is not null);
            Assert.Equal(expected.Select(m => m.Dot), paged);
        }
    }

    private static void CompareQueues(Replica replica)
    {
        foreach (string user in Users.OfType<string>())
        {
            var expected = Scan(replica, new MutationFilter { User = user }).GroupBy(m => m.Dot.Replica).OrderBy(g => g.Key).Select(g => (
                g.Key,
                Count(g, MutationStatus.Pending), Count(g, MutationStatus.Synced), Count(g, MutationStatus.Conflict),
                Count(g, MutationStatus.Failed),
                g.Where(m => StatusOf(replica, m.Dot) == MutationStatus.Pending).Select(m => (DateTimeOffset?)m.CreatedAt).FirstOrDefault()));
            Assert.Equal(expected, replica.Queues(user).Select(q =>
                (q.Replica, q.Pending, q.Synced, q.Conflict, q.Failed, q.OldestPending)));
        }
        IReadOnlyList<DeviceQueue> all = replica.Queues();
        Assert.Equal(replica.Vector.Select(d => (d.Replica, d.Sequence)), all.Select(q => (q.Replica, q.Mutations)));
        List<Mutation> logged = Scan(replica, new MutationFilter());
        // Where a snapshot stands for some of it, made here or joined, the log does not tell.
        if (logged.Count < replica.Vector.Sum(d => d.Sequence) || replica.Fences.Count > 0) return;
        ILookup<ReplicaId, Mutation> held = logged.ToLookup(m => m.Dot.Replica);
        Assert.Equal(
            all.Select(q => (Count(held[q.Replica], MutationStatus.Pending), Count(held[q.Replica], MutationStatus.Failed))),
            all.Select(q => (q.Pending, q.Failed)));

        long Count(IEnumerable<Mutation> of, MutationStatus status) => of.LongCount(m => StatusOf(replica, m.Dot) == status);
    }

    /// <summary>The whole log, read without any index, and the filter's words taken literally.</summary>
    private static List<Mutation> Scan(Replica replica, MutationFilter filter)
    {
        var all = new List<Mutation>();
        foreach (LogEntry entry in replica.Store.ReadLog(default).Select(l => l.Entry).Where(e => e.Kind == LogEntryKind.Batch))
        {
            if (replica.Fences.Any(f => f.Replica == entry.Author && f.Sequence < entry.LastSequence)) continue;
            var columns = new BatchColumns();
            new BatchReader().Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
            for (int m = 0; m < columns.MutationCount; m++) all.Add(columns.ToMutation(m, entry.Author, entry.FirstSequence));
        }
        if (filter.Order == MutationOrder.NewestFirst) all.Reverse();
        return [.. all.Where(m =>
            (filter.Author is null || filter.Author == m.Dot.Replica)
            && (filter.User is null || filter.User == m.User)
            && (filter.Kind is null || filter.Kind == m.Kind)
            && (filter.Domain is null || filter.Domain == m.Key.Domain)
            && (filter.Type is null || filter.Type == m.Key.Type)
            && (filter.Key is null || filter.Key == m.Key)
            && (filter.From is null || filter.From <= m.CreatedAt)
            && (filter.To is null || filter.To > m.CreatedAt)
            && (filter.Id is null || filter.Id == m.Id)
            && (filter.RequestId is null || filter.RequestId == m.Origin?.RequestId)
            && (filter.Status is null || filter.Status == StatusOf(replica, m.Dot)))];
    }

    private static MutationStatus StatusOf(Replica replica, Dot dot)
    {
        bool isRefused = replica.Refusals(openOnly: false)
            .Any(r => r.First.Replica == dot.Replica && r.First.Sequence <= dot.Sequence && dot.Sequence <= r.Last);
        if (isRefused) return MutationStatus.Failed;
        if (!replica.Acknowledgements.Any(a => a.Role != ReplicaRole.Client && a.Held.Covers(dot))) return MutationStatus.Pending;
        return replica.Conflicts().Any(c => c.Siblings.Any(s => s.Dot == dot)) ? MutationStatus.Conflict : MutationStatus.Synced;
    }
}
