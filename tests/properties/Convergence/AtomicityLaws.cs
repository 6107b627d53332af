namespace Crdt.Properties;

[Trait("Law", "12")]
public class AtomicityLaws
{
    private static EntityKey Key(int number) => new("incident", "strike", $"{number}");

    [Fact]
    public async Task Readers_on_other_threads_see_a_transaction_as_a_whole_or_not_at_all()
    {
        await using Team team = await Team.CreateAsync(2);
        const int Entities = 5, Commits = 400;
        await team[0].CommitAsync(tx =>
        {
            for (int e = 0; e < Entities; e++) tx.Create(Key(e)).Set("n", 0).Set("m", 0);
        });
        using var stop = new CancellationTokenSource();
        Task<int>[] readers = [.. Enumerable.Range(0, 2).Select(r => Task.Run(() => ReadUntil(team[0], r == 0, hasGuests: true, stop.Token)))];
        for (int n = 1; n <= Commits; n++)
        {
            int value = n;
            await team[0].CommitAsync(tx =>
            {
                for (int e = 0; e < Entities; e++) tx.Update(Key(e)).Set("n", value).Set("m", -value);
                // Those that come and go have to come and go together.
                if (value % 2 == 1)
                {
                    tx.Create(Key(900));
                    tx.Create(Key(901));
                }
                else
                {
                    tx.Delete(Key(900));
                    tx.Delete(Key(901));
                }
            });
            if (n % 50 == 0) await Task.Yield();
        }
        await stop.CancelAsync();
        foreach (Task<int> reader in readers) Assert.InRange(await reader, 1, int.MaxValue);
    }

    [Fact]
    public async Task A_transaction_that_arrives_is_seen_as_a_whole_as_well()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx =>
        {
            for (int e = 0; e < 5; e++) tx.Create(Key(e)).Set("n", 0).Set("m", 0);
        });
        await team.MeetAsync(0, 1);
        using var stop = new CancellationTokenSource();
        Task<int> reader = Task.Run(() => ReadUntil(team[1], useQuery: true, hasGuests: false, stop.Token));
        for (int n = 1; n <= 100; n++)
        {
            int value = n;
            await team[0].CommitAsync(tx =>
            {
                for (int e = 0; e < 5; e++) tx.Update(Key(e)).Set("n", value).Set("m", -value);
            });
            if (n % 3 == 0) await team.MeetAsync(0, 1);
        }
        await stop.CancelAsync();
        Assert.InRange(await reader, 1, int.MaxValue);
    }

    [Fact]
    public async Task A_transaction_that_fails_at_its_third_entity_leaves_nothing()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Key(1)).Increment("n", long.MaxValue));
        string before = await World.DumpAsync(team[0]);
        (Action<Transaction> Third, MutationError Error)[] cases =
        [
            (tx => tx.Create(Key(1)), MutationError.AlreadyExists),
            (tx => tx.Update(Key(9)).Set("n", 1), MutationError.NotFound),
            (tx => tx.Delete(Key(9)), MutationError.NotFound),
            (tx => tx.Update(Key(1)).Increment("n"), MutationError.CounterOverflow),
            (tx => tx.Update(Key(1)).Set("m", new byte[300_000]), MutationError.ValueTooLarge),
            (tx => tx.Update(Key(1)).Set("m", new string('ä', 140_000)), MutationError.ValueTooLarge),
            (tx => tx.Update(Key(1)).Set("m", 1).WithContext(new string('x', 5_000)), MutationError.ValueTooLarge),
            (tx => tx.Upsert(new("$space", "policy", "incident")).Set("conflict", "Manual"), MutationError.RoleRequired),
            (tx => tx.SetPolicy(new("incident"), ConflictPolicy.Manual), MutationError.RoleRequired),
        ];
        foreach ((Action<Transaction> third, MutationError expected) in cases)
        {
            var error = await Assert.ThrowsAsync<MutationException>(() => team[0].CommitAsync(tx =>
            {
                tx.Create(Key(2)).Set("n", 1);
                tx.Update(Key(1)).Set("x", 1);
                third(tx);
            }).AsTask());
            Assert.Equal(expected, error.Error);
            Assert.Equal(before, await World.DumpAsync(team[0]));
        }
        CommitResult next = await team[0].CommitAsync(tx => tx.Create(Key(2)).Set("n", 1));
        Assert.Equal(2, next.FirstSequence);
    }

    [Fact]
    public async Task A_transaction_of_more_than_a_megabyte_is_refused_with_its_length_and_leaves_nothing()
    {
        await using Team team = await Team.CreateAsync(2);
        string before = await World.DumpAsync(team[0]);
        var error = await Assert.ThrowsAsync<TransactionTooLargeException>(() => team[0].CommitAsync(tx =>
        {
            for (int i = 0; i < 5; i++) tx.Create(Key(i)).Set("n", new byte[250_000]);
        }).AsTask());
        Assert.InRange(error.LengthBytes, 1_250_000, 1_300_000);
        Assert.Equal(before, await World.DumpAsync(team[0]));
        await team[0].CommitAsync(tx =>
        {
            for (int i = 0; i < 4; i++) tx.Create(Key(i)).Set("n", new byte[250_000]);
        });
        await team.MeetAsync(0, 1);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
    }

    [Fact]
    public async Task Very_many_small_mutations_just_below_the_limit_commit_and_just_above_are_refused()
    {
        await using Team team = await Team.CreateAsync(2);
        int refused = 0;
        foreach (int count in new[] { 12_000, 16_000, 20_000 })
        {
            ReplicaStatus before = await team[0].GetStatusAsync();
            try
            {
                await team[0].CommitAsync(tx =>
                {
                    for (int i = 0; i < count; i++)
                    {
                        EntityEdit edit = tx.Create(new("incident", "strike", $"{count} {i}")).Set("n", i);
                        edit.Origin = new MutationOrigin(MutationId.Of(new Dot(Team.IdOf(7), i + 1)), new Dot(Team.IdOf(8), i + 1));
                    }
                });
            }
            catch (TransactionTooLargeException)
            {
                refused++;
                Assert.Equal(before, await team[0].GetStatusAsync());
            }
        }
        Assert.InRange(refused, 1, 2);
        await team.MeetAsync(0, 1);
        Assert.Equal(team[0].Vector, team[1].Vector);
    }

    private static int ReadUntil(Replica replica, bool useQuery, bool hasGuests, CancellationToken stop)
    {
        int reads = 0;
        for (; !stop.IsCancellationRequested || reads == 0; reads++)
        {
            Entity[] entities;
            if (useQuery) entities = [.. replica.Query("incident", "strike")];
            else
            {
                using ReplicaView view = replica.View();
                entities = [.. new[] { 0, 1, 2, 3, 4, 900, 901 }.Select(n => view.Get(Key(n))).OfType<Entity>()];
            }
            long first = entities[0].GetInteger("n")!.Value;
            Assert.All(entities.Take(5), e => Assert.Equal((first, -first), (e.GetInteger("n"), e.GetInteger("m"))));
            Assert.Equal(hasGuests && first % 2 == 1 ? 7 : 5, entities.Length);
        }
        return reads;
    }
}
