using System.Diagnostics;
using Npgsql;

namespace Crdt.Store.Postgres;

/// <summary>Keeps a replica together with the other replicas of its space on the same database: takes what they have
/// appended, as soon as the database wakes it, and tells them of what is appended here. What a process has acknowledged
/// reaches the others also when it is killed right after, and never comes back.</summary>
/// <remarks>What the others' logs hold is exchanged, nothing else: acknowledgements, forks and what a newcomer lacks once
/// the logs' beginning was dropped go by sessions between the processes, as with any peer.</remarks>
public sealed class PostgresFeed : IAsyncDisposable
{
    private const string Channel = "crdt_feed";
    private const int EntriesAtOnce = 1_000;
    private const int RetriesMax = 64;
    private const long LengthBytesAtOnce = 4 << 20;

    private static readonly TimeSpan Saving = TimeSpan.FromSeconds(2), Reconnecting = TimeSpan.FromSeconds(1);

    private readonly PostgresReplicaStore store;
    private readonly PostgresFeedOptions options;
    private readonly LogIntake intake;
    private readonly Member member;
    private readonly Database database;
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim woken = new(0, 1);
    private readonly string name;
    private readonly Task running, listening;
    private int hasNews;
    private readonly HashSet<(ReplicaId Author, ApplyError Error)> told = [];
    private long position, saved, savedAt, retriedAt;
    private int retries;

    private PostgresFeed(PostgresReplicaStore store, Replica replica, PostgresFeedOptions options)
    {
        (this.store, this.options, intake) = (store, options, new LogIntake(replica));
        (member, database) = (store.Member, store.Member.Database);
        name = member.Space.ToString("N");
        position = saved = Math.Max(0, member.OpenedFed);
        store.Log.Appended += NoteAppended;
        running = Task.Run(RunAsync);
        listening = Task.Run(ListenAsync);
    }

    /// <summary>What went wrong last with the database; <see langword="null"/> when all is well. It is tried again.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Why what somebody wrote cannot be taken, told once for each author and reason: a fork, or a gap where the log's
    /// beginning was dropped. It is tried again, and waits for a session.</summary>
    public event EventHandler<ApplyException>? Refused;

    /// <summary>Up to which of the space's entries everything was taken.</summary>
    public long Position => Volatile.Read(ref position);

    /// <summary>Begins.</summary>
    /// <param name="store">The replica's store, open as long as this is.</param>
    /// <param name="replica">The replica on it.</param>
    /// <param name="options">How.</param>
    public static PostgresFeed Start(PostgresReplicaStore store, Replica replica, PostgresFeedOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(replica);
        return new PostgresFeed(store, replica, options ?? PostgresFeedOptions.Default);
    }

    /// <summary>Tells of what was written last, and ends. Before the replica is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested) return;
        store.Log.Appended -= NoteAppended;
        await stopping.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        await listening.ConfigureAwait(false);
        try
        {
            await intake.OfferAsync().ConfigureAwait(false);
            await TellAsync(CancellationToken.None).ConfigureAwait(false);
            await SaveAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (IsEnvironmental(e))
        {
            // It is in the log: the next opening offers it.
        }
        stopping.Dispose();
        woken.Dispose();
    }

    private static bool IsEnvironmental(Exception e) =>
        e is StoreException or NpgsqlException or IOException or TimeoutException or InvalidOperationException or ObjectDisposedException;

    private void NoteAppended(bool isNews)
    {
        if (isNews) Volatile.Write(ref hasNews, 1);
        Wake();
    }

    private void Wake()
    {
        try
        {
            if (woken.CurrentCount == 0) woken.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // Somebody else has woken it, or it has ended.
        }
    }

    private async Task RunAsync()
    {
        try
        {
            await BeginAsync().ConfigureAwait(false);
            while (!stopping.IsCancellationRequested)
            {
                try
                {
                    await intake.OfferAsync(stopping.Token).ConfigureAwait(false);
                    await TellAsync(stopping.Token).ConfigureAwait(false);
                    await PullAsync(stopping.Token).ConfigureAwait(false);
                    Error = null;
                    TellRefused();
                }
                catch (Exception e) when (IsEnvironmental(e) && !stopping.IsCancellationRequested)
                {
                    Error = e;
                    if (member.Fault is not null) return;
                    BeginAgain();
                }
                if (await woken.WaitAsync(options.PollInterval, stopping.Token).ConfigureAwait(false))
                    await Task.Delay(options.Gathering, stopping.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Ended.
        }
    }

    // From now on nothing is dropped that this replica was not offered.
    private async Task BeginAsync()
    {
        while (true)
        {
            try
            {
                await database.ExecuteAsync(
                    "update crdt_member set fed = greatest(fed, $4) where space = $1 and member = $2 and epoch = $3",
                    stopping.Token, member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(saved)).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (IsEnvironmental(e))
            {
                Error = e;
                await Task.Delay(Reconnecting, stopping.Token).ConfigureAwait(false);
            }
        }
    }

    // Not with each append: telling locks the whole database's queue until the commit.
    private async Task TellAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref hasNews, 0) == 0) return;
        try
        {
            await database.ExecuteAsync("select pg_notify($1, $2)", cancellationToken, Database.Of(Channel), Database.Of(name)).ConfigureAwait(false);
        }
        catch (PostgresException)
        {
            // An engine without it: the others ask by themselves.
        }
    }

    private async Task PullAsync(CancellationToken cancellationToken)
    {
        if (intake.Refused.Count > 0 && Stopwatch.GetElapsedTime(retriedAt) >= options.RetryInterval * Math.Min(RetriesMax, 1 << Math.Min(retries, 10)))
        {
            // All behind it is looked at once more: less and less often.
            retries++;
            retriedAt = Stopwatch.GetTimestamp();
            BeginAgain();
        }
        while (true)
        {
            List<(long Position, LogEntry Entry, int LengthBytes)> page = database.Read(
                """
                select position, kind, author, first_sequence, last_sequence, octet_length(payload) from crdt_entry
                where space = $1 and position >= $2 order by position limit $3
                """,
                row => (row.GetInt64(0), new LogEntry((LogEntryKind)row.GetInt16(1), new ReplicaId(row.GetGuid(2)), row.GetInt64(3), row.GetInt64(4), default),
                    row.GetInt32(5)),
                member.SpaceParameter, Database.Of(position), Database.Of(EntriesAtOnce));
            for (int from = 0; from < page.Count;)
            {
                int count = 0;
                for (long length = 0; from + count < page.Count && (count == 0 || length <= LengthBytesAtOnce); count++) length += page[from + count].LengthBytes;
                await TakeAsync(page.GetRange(from, count), cancellationToken).ConfigureAwait(false);
                from += count;
            }
            if (page.Count > 0) Volatile.Write(ref position, page[^1].Position + 1);
            if (page.Count < EntriesAtOnce) break;
        }
        if (Complete == saved) return;
        store.NoteFed(Complete);
        if (Stopwatch.GetElapsedTime(savedAt) >= Saving) await SaveAsync(cancellationToken).ConfigureAwait(false);
    }

    private void TellRefused()
    {
        IReadOnlyDictionary<ReplicaId, ApplyException> refused = intake.Refused;
        if (refused.Count == 0) retries = 0;
        foreach ((ReplicaId author, ApplyException reason) in refused)
        {
            if (told.Add((author, reason.Error))) Refused?.Invoke(this, reason);
        }
    }

    private void BeginAgain() => Volatile.Write(ref position, Math.Min(position, intake.BeginAgain() ?? long.MaxValue));

    private long Complete => Math.Min(position, intake.WaitsFrom ?? long.MaxValue);

    private async Task TakeAsync(List<(long Position, LogEntry Entry, int LengthBytes)> found, CancellationToken cancellationToken)
    {
        // What is held is not fetched: for the most part these are the own entries.
        long[] lacking = [.. found.Where(f => intake.Lacks(f.Entry.Kind, f.Entry.Author, f.Entry.LastSequence)).Select(f => f.Position)];
        if (lacking.Length == 0) return;
        Dictionary<long, byte[]> payloads = database.Read(
            "select position, payload from crdt_entry where space = $1 and position = any($2)",
            row => (Position: row.GetInt64(0), Payload: row.GetFieldValue<byte[]>(1)), member.SpaceParameter, Database.Of(lacking))
            .ToDictionary(r => r.Position, r => r.Payload);
        foreach ((long at, LogEntry entry, int _) in found)
        {
            if (payloads.TryGetValue(at, out byte[]? payload))
                await intake.TakeAsync(at, entry with { Payload = payload }, cancellationToken).ConfigureAwait(false);
        }
        await intake.SettleAsync().ConfigureAwait(false);
    }

    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        long complete = Complete;
        await database.ExecuteAsync(
            "update crdt_member set fed = greatest(fed, $4) where space = $1 and member = $2 and epoch = $3",
            cancellationToken, member.SpaceParameter, member.IdParameter, member.EpochParameter, Database.Of(complete)).ConfigureAwait(false);
        (saved, savedAt) = (complete, Stopwatch.GetTimestamp());
    }

    private async Task ListenAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                NpgsqlConnection connection = await database.OpenAsync(stopping.Token).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    connection.Notification += (_, told) =>
                    {
                        if (told.Payload == name) Wake();
                    };
                    using (NpgsqlCommand command = Database.Command(connection, $"listen {Channel}"))
                        await command.ExecuteNonQueryAsync(stopping.Token).ConfigureAwait(false);
                    while (true) await connection.WaitAsync(stopping.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (PostgresException e) when (!Database.IsUnreached(e))
            {
                // An engine without it: asking has to do.
                return;
            }
            catch (Exception e) when (IsEnvironmental(e))
            {
                await Task.Delay(Reconnecting, stopping.Token).ContinueWith(static _ => { }, TaskScheduler.Default).ConfigureAwait(false);
            }
        }
    }
}
