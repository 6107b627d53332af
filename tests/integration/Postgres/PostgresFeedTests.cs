using System.Diagnostics;
using System.Globalization;
using Crdt.KillWriter;
using Crdt.Store.Postgres;
using Xunit.Abstractions;

namespace Crdt.Integration.Postgres;

/// <summary>Several replicas of one space on one database, each in a process of its own.</summary>
public sealed class PostgresFeedTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Processes = 3, Rounds = 16;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [ComponentFact(PostgresCluster.Program)]
    public async Task What_one_writes_the_others_have_and_an_entry_is_held_once()
    {
        string connection = await cluster.NewDatabaseAsync();
        (Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed)[] members =
            [await SharedLedger.OpenAsync(connection, Id(0)), await SharedLedger.OpenAsync(connection, Id(1))];
        for (int n = 1; n <= 30; n++)
        {
            for (int m = 0; m < members.Length; m++)
            {
                (int by, int count) = (m, n);
                await members[m].Replica.CommitAsync(tx =>
                {
                    tx.Create(SharedLedger.Entry(Id(by), count)).Set("n", count);
                    tx.Upsert(SharedLedger.Total).Increment("count", 1);
                });
            }
        }
        await ConvergedAsync(members.Select(m => m.Replica));
        Assert.All(members, m => Assert.Equal(60, m.Replica.Get(SharedLedger.Total)!.GetCounter("count")));
        Assert.All(members, m => Assert.Null(m.Feed.Error));
        await CloseAsync(members);
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task A_newcomer_takes_what_was_written_before_it_came()
    {
        string connection = await cluster.NewDatabaseAsync();
        (Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed) first = await SharedLedger.OpenAsync(connection, Id(0));
        for (int n = 1; n <= 20; n++) await first.Replica.CommitAsync(tx => tx.Create(SharedLedger.Entry(Id(0), n)).Set("n", n));
        await CloseAsync([first]);
        (Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed) second = await SharedLedger.OpenAsync(connection, Id(1));
        await UntilAsync(() => second.Replica.Get(SharedLedger.Entry(Id(0), 20)) is not null);
        await CloseAsync([second]);
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task Whose_logs_differ_is_told_of_once_and_holds_up_nobody()
    {
        string connection = await cluster.NewDatabaseAsync();
        (Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed)[] members =
            [await SharedLedger.OpenAsync(connection, Id(0)), await SharedLedger.OpenAsync(connection, Id(1))];
        int refusals = 0;
        members[1].Feed.Refused += (_, reason) => Interlocked.Add(ref refusals, reason.Author == new ReplicaId(Id(7)) ? 1 : 1_000);
        // No replica wrote this: it stands there for an author whose log cannot be followed.
        var stranger = new ReplicaId(Id(7));
        await members[0].Store.AppendAsync(new LogEntry[] { new(LogEntryKind.Batch, stranger, 1, 1, new byte[20]), new(LogEntryKind.Head, stranger, 1, 1, new byte[32]) }, isDurable: true, default);
        await UntilAsync(() => Volatile.Read(ref refusals) > 0);
        await members[0].Replica.CommitAsync(tx => tx.Create(SharedLedger.Entry(Id(0), 1)).Set("n", 1));
        await UntilAsync(() => members[1].Replica.Get(SharedLedger.Entry(Id(0), 1)) is not null);
        Assert.Equal(1, refusals);
        Assert.Null(members[1].Feed.Error);
        await members[1].Feed.DisposeAsync();
        await members[1].Replica.DisposeAsync();
        await members[0].Feed.DisposeAsync();
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task Processes_on_one_database_that_are_killed_at_random_lose_nothing_they_acknowledged_and_converge()
    {
        string connection = await cluster.NewDatabaseAsync();
        var random = new Random(20260201);
        long[] acknowledged = new long[Processes];
        var running = new Process[Processes];
        for (int p = 0; p < Processes; p++) running[p] = Launch(connection, Id(p));
        Task[] hearing = [.. Enumerable.Range(0, Processes).Select(p => HearAsync(running[p], p))];
        for (int round = 0; round < Rounds; round++)
        {
            int victim = random.Next(Processes);
            long goal = Interlocked.Read(ref acknowledged[victim]) + random.Next(1, 25);
            // Some die while they start and open.
            if (random.Next(4) > 0) await UntilAsync(() => Interlocked.Read(ref acknowledged[victim]) >= goal || running[victim].HasExited);
            else await Task.Delay(random.Next(600));
            running[victim].Kill();
            await running[victim].WaitForExitAsync();
            await hearing[victim].WaitAsync(Patience);
            running[victim].Dispose();
            // The last of them never comes back: what it acknowledged is the others' all the same.
            if (round == Rounds - 1) break;
            running[victim] = Launch(connection, Id(victim));
            hearing[victim] = HearAsync(running[victim], victim);
        }
        int lost = Array.FindIndex(running, p => HasEnded(p));
        for (int p = 0; p < Processes; p++)
        {
            if (p == lost) continue;
            running[p].Kill();
            await running[p].WaitForExitAsync();
            await hearing[p].WaitAsync(Patience);
            running[p].Dispose();
        }

        (Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed)[] members =
            [.. await Task.WhenAll(Enumerable.Range(0, Processes).Where(p => p != lost).Select(p => SharedLedger.OpenAsync(connection, Id(p))))];
        await UntilAsync(() => members.All(m => Enumerable.Range(0, Processes).All(
            p => acknowledged[p] == 0 || m.Replica.Get(SharedLedger.Entry(Id(p), acknowledged[p])) is not null)));
        await ConvergedAsync(members.Select(m => m.Replica));
        foreach ((Replica replica, PostgresReplicaStore _, PostgresFeed feed) in members)
        {
            for (int p = 0; p < Processes; p++)
            {
                for (long n = 1; n <= acknowledged[p]; n++) Assert.Equal(n, replica.Get(SharedLedger.Entry(Id(p), n))!.GetInteger("n"));
            }
            int entries = replica.Keys("ledger", "entry").Count();
            Assert.Equal(entries, replica.Get(SharedLedger.Total)!.GetCounter("count"));
            AuditReport audit = await replica.AuditAsync();
            Assert.Empty(audit.Unaccounted);
            Assert.Null(feed.Error);
        }
        output.WriteLine($"{Rounds} kills of {Processes} processes, {acknowledged.Sum()} transactions acknowledged, none lost");
        Assert.True(acknowledged.Sum() > Rounds);
        await CloseAsync(members);

        async Task HearAsync(Process process, int p)
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                bool isOpening = line.StartsWith("opened ", StringComparison.Ordinal);
                long n = long.Parse(isOpening ? line.AsSpan(7) : line, NumberStyles.None, CultureInfo.InvariantCulture);
                // One at a time: at most one more than what was told can have been appended.
                if (isOpening) Assert.InRange(n, acknowledged[p], acknowledged[p] + 1);
                Interlocked.Exchange(ref acknowledged[p], n);
            }
        }
    }

    private static bool HasEnded(Process process)
    {
        try
        {
            return process.HasExited;
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }

    private static Guid Id(int member) => new(member + 1, 0x4b1d, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 1]);

    private static Process Launch(string connection, Guid id) => Process.Start(
        new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "kill-writer.dll"), "postgres", connection, id.ToString()])
        {
            RedirectStandardOutput = true,
        })!;

    private static async Task ConvergedAsync(IEnumerable<Replica> replicas)
    {
        long since = Stopwatch.GetTimestamp();
        while (true)
        {
            ReplicaStatus[] all = await Task.WhenAll(replicas.Select(r => r.GetStatusAsync().AsTask()));
            if (all.All(s => s.Vector.Equals(all[0].Vector)))
            {
                Assert.All(all, s => Assert.Equal(all[0].Digest, s.Digest));
                return;
            }
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, string.Join(" / ", all.Select(s => s.Vector)));
            await Task.Delay(50);
        }
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        long since = Stopwatch.GetTimestamp();
        while (!holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, "It took too long.");
            await Task.Delay(20);
        }
    }

    private static async Task CloseAsync((Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed)[] members)
    {
        foreach ((Replica replica, PostgresReplicaStore _, PostgresFeed feed) in members)
        {
            await feed.DisposeAsync();
            await replica.DisposeAsync();
        }
    }
}
