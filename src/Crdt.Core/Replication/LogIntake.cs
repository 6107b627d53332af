using System.Runtime.ExceptionServices;

namespace Crdt;

/// <summary>Takes into a replica what other replicas of its space have in their logs, where those can be read directly, as in
/// a database that they share. What arrives is verified and applied as in a session; whose logs differ is left to sessions,
/// which can tell a fork.</summary>
/// <remarks>One call at a time. Entries may come again, and from several logs, each log's in its order.</remarks>
/// <param name="replica">Who takes.</param>
public sealed class LogIntake(Replica replica)
{
    // Runs that are under way together become durable together.
    private const int RunsUnderWayMax = 128;
    private const long LengthBytesUnderWayMax = 4 << 20;

    private readonly Dictionary<ReplicaId, Gathered> gathered = [];
    private readonly Dictionary<ReplicaId, (long Place, ApplyException Reason)> refused = [];
    private readonly Dictionary<ReplicaId, long> sent = [];
    private readonly List<(ReplicaId Author, long Place, Task<bool> Applying)> underWay = [];
    private long underWayLengthBytes;
    private long? failedFrom;

    /// <summary>The first place of what was taken and not applied: its head has not come, or it was refused. <see langword="null"/>
    /// when nothing waits.</summary>
    public long? WaitsFrom => gathered.Values.Select(static g => (long?)g.Place)
        .Concat(refused.Values.Select(static r => (long?)r.Place)).Concat(underWay.Select(static u => (long?)u.Place)).Append(failedFrom).Min();

    /// <summary>Whose entries could not be applied, and why: of them nothing more is taken until <see cref="BeginAgain"/>.</summary>
    public IReadOnlyDictionary<ReplicaId, ApplyException> Refused => refused.ToDictionary(static r => r.Key, static r => r.Value.Reason);

    /// <summary>Whether the replica lacks an entry: a batch or a head that is news.</summary>
    public bool Lacks(LogEntryKind kind, ReplicaId author, long lastSequence)
    {
        if (kind is not (LogEntryKind.Batch or LogEntryKind.Head) || author == replica.Id) return false;
        long held = HeldOf(author);
        return held < lastSequence && !(replica.Writer.Fences.Table.Of(author) is { } fence && held >= fence.Sequence);
    }

    /// <summary>Takes the next entry. A run is applied, durably, when its head has come; several at once, so that it may be
    /// <see cref="SettleAsync"/> that waits for it.</summary>
    /// <param name="place">Where it was found, to be told by <see cref="WaitsFrom"/>; grows from one to the next.</param>
    /// <param name="entry">The entry; kinds other than batches and heads are passed over.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public ValueTask TakeAsync(long place, LogEntry entry, CancellationToken cancellationToken)
    {
        ReplicaId author = entry.Author;
        if (!Lacks(entry.Kind, author, entry.LastSequence))
        {
            // It came another way meanwhile.
            if (gathered.TryGetValue(author, out Gathered? old) && !Lacks(LogEntryKind.Batch, author, old.LastSequence)) gathered.Remove(author);
            return default;
        }
        if (refused.ContainsKey(author)) return default;
        if (entry.Kind == LogEntryKind.Batch)
        {
            Gather(place, entry);
            return default;
        }
        if (!gathered.TryGetValue(author, out Gathered? run) || run.LastSequence != entry.LastSequence) return default;
        gathered.Remove(author);
        sent[author] = entry.LastSequence;
        underWay.Add((author, run.Place, replica.ApplyAsync(
            new BatchRun(author, run.FirstSequence, run.Batches, entry.LastSequence, entry.Payload), cancellationToken).AsTask()));
        underWayLengthBytes += run.Batches.Sum(static b => (long)b.Length);
        return underWay.Count < RunsUnderWayMax && underWayLengthBytes < LengthBytesUnderWayMax ? default : SettleAsync();
    }

    /// <summary>Completes when every run whose head has come is applied, durably, or refused. What fails otherwise is thrown:
    /// then <see cref="BeginAgain"/> tells from where on to take all once more.</summary>
    public async ValueTask SettleAsync()
    {
        Exception? failure = null;
        foreach ((ReplicaId author, long place, Task<bool> applying) in underWay)
        {
            try
            {
                await applying.ConfigureAwait(false);
            }
            catch (ApplyException e)
            {
                refused.TryAdd(author, (place, e));
            }
#pragma warning disable CA1031 // The others are waited for before it is thrown.
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure ??= e;
                failedFrom = Math.Min(failedFrom ?? place, place);
            }
        }
        underWay.Clear();
        sent.Clear();
        underWayLengthBytes = 0;
        if (failure is not null) ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Forgets what waits, so that it can be taken once more. Nothing is under way.</summary>
    /// <returns>The first place to be taken again; <see langword="null"/> when nothing waited.</returns>
    public long? BeginAgain()
    {
        long? from = WaitsFrom;
        gathered.Clear();
        refused.Clear();
        failedFrom = null;
        return from;
    }

    /// <summary>Closes what the replica itself has written with a head, so that others may take it.</summary>
    public ValueTask OfferAsync(CancellationToken cancellationToken = default) => replica.CloseRunAsync(cancellationToken);

    private long HeldOf(ReplicaId author) =>
        Math.Max(replica.Writer.Authors.PublishedSequence(author), sent.GetValueOrDefault(author));

    private void Gather(long place, in LogEntry entry)
    {
        if (gathered.TryGetValue(entry.Author, out Gathered? run))
        {
            // The same again; or another log's, which the head will tell.
            if (entry.LastSequence <= run.LastSequence) return;
            if (entry.FirstSequence == run.LastSequence + 1)
            {
                run.Batches.Add(entry.Payload);
                run.LastSequence = entry.LastSequence;
                return;
            }
            gathered.Remove(entry.Author);
            Refuse(ApplyError.ChainBroken, "Two batches begin or end within each other", run.Place, entry);
            return;
        }
        long next = HeldOf(entry.Author) + 1;
        if (entry.FirstSequence > next) Refuse(ApplyError.Gap, $"The batch does not begin at {next}, the next sequence", place, entry);
        else if (entry.FirstSequence < next) Refuse(ApplyError.PartlyCovered, $"The batch begins before {next}, the next sequence, and ends behind it", place, entry);
        else
        {
            gathered[entry.Author] = new Gathered(place, entry.FirstSequence)
            {
                Batches = { entry.Payload },
                LastSequence = entry.LastSequence,
            };
        }
    }

    private void Refuse(ApplyError error, string message, long place, in LogEntry entry) =>
        refused[entry.Author] = (place, new ApplyException(error, entry.Author, entry.FirstSequence, message + "."));

    private sealed class Gathered(long place, long firstSequence)
    {
        public long Place => place;

        public long FirstSequence => firstSequence;

        public long LastSequence { get; set; }

        public List<ReadOnlyMemory<byte>> Batches { get; } = [];
    }
}
