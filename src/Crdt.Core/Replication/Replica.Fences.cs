using System.Runtime.CompilerServices;

namespace Crdt;

/// <summary>Ids in use twice, and logs that were ended.</summary>
public sealed partial class Replica
{
    private readonly Lock forksGate = new();
    private readonly Dictionary<ReplicaId, Fork> forks = [];
    private readonly Dictionary<ReplicaId, ForkReport> reports = [];
    private readonly Dictionary<ReplicaId, (ForkReport Report, IReadOnlyList<SetAsideRun> Asides)> openReports = [];
    private int forksVersion;
    private int generation;
    private Task releasing = Task.CompletedTask;
    private long released = -1;
    private ReplicaId releasedAuthor;

    /// <summary>Whose logs were ended, and where; in order of their ids.</summary>
    public IReadOnlyList<Fence> Fences => writer.Fences.Table.Standing;

    /// <summary>Authors whose ids were found to be in use twice since this replica was opened, and that no fence has
    /// settled; in order of their ids. Nothing of them is exchanged with whoever holds the other log.</summary>
    public IReadOnlyList<Fork> Forks
    {
        get
        {
            lock (forksGate)
                return [.. forks.Values.Where(f => !IsSettled(f.Author) && !IsGivenUp(f.Author)).OrderBy(f => f.Author)];
        }
    }

    /// <summary>What fences have cut off and this replica keeps, because somebody else wrote it: until its author takes it
    /// up again, or <see cref="ReissueAsync"/> is asked to.</summary>
    public IReadOnlyList<SetAsideRun> SetAside => writer.Fences.Asides;

    /// <summary>The ids under which this replica wrote before, the oldest first.</summary>
    public IReadOnlyList<ReplicaId> FormerIds => writer.Fences.FormerIds;

    /// <summary>How many of this replica's own mutations were fenced off and wait to be written again under its new id:
    /// more than none only while it must not write, for instance because that id is not enrolled yet.</summary>
    public int PendingReissues => writer.PendingReissues;

    /// <summary>Told when the replica has taken a new id, and which one it had before. In a keyed space it is to be enrolled;
    /// what was fenced off is written again as soon as that has arrived.</summary>
    public event EventHandler<ReplicaId>? IdentityChanged;

    /// <summary>Counts how often the state was begun anew: sessions begun before end.</summary>
    internal int Generation => Volatile.Read(ref generation);

    /// <summary>Ends the log of another replica where this one holds it: to retire its device, or because it is no longer
    /// trusted. What it writes, or has written, beyond that counts nowhere. Final.</summary>
    /// <remarks><see cref="FenceReason.Retired"/> ends that id: its owner writes the rest again under a new one.
    /// <see cref="FenceReason.Revoked"/> takes trust away from its key, in a keyed space: the logs of all ids of that key end,
    /// each where this replica holds it, also of ids that become known later; and the key is not enrolled again.</remarks>
    /// <param name="replica">Whose log; not this replica's own.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The mutations that say so, one for each id; nothing when all of it was said already.</returns>
    /// <exception cref="MutationException">This replica writes in the client role, or must not write.</exception>
    /// <exception cref="ArgumentException">It is this replica itself, or its key: another one says that it ends.</exception>
    public ValueTask<CommitResult> FenceAsync(
        ReplicaId replica, FenceReason reason, CancellationToken cancellationToken = default) =>
        FenceAsync(replica, reason, at: null, cancellationToken);

    /// <summary>What was set aside, as mutations in order.</summary>
    public IEnumerable<Mutation> ReadSetAside(SetAsideRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return Reissue.Read(store, run);
    }

    /// <summary>Writes again, under this replica's own id, what was set aside of an author: for a device that is gone, or
    /// was restored and cannot know that it wrote this. What was written again before, by whomever, is not repeated.</summary>
    /// <param name="author">Whose set-aside runs.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>How many mutations were written.</returns>
    /// <exception cref="MutationException">The replica must not write.</exception>
    public async ValueTask<int> ReissueAsync(ReplicaId author, CancellationToken cancellationToken = default)
    {
        int made = 0;
        foreach (Reissue branch in Reissue.OfSetAside(store, writer, author))
        {
            var work = new ReissueWork(branch);
            do await writer.EnqueueAsync(work = new ReissueWork(branch), cancellationToken).ConfigureAwait(false);
            while (!branch.IsDone);
            made += branch.Made;
        }
        return made;
    }

    internal async ValueTask<CommitResult> FenceAsync(
        ReplicaId replica, FenceReason reason, ChainHead? at, CancellationToken cancellationToken)
    {
        if (replica == Id || replica.IsEmpty)
            throw new ArgumentException("A replica does not end its own log: another one in the server role does.", nameof(replica));
        var work = new FenceWork(replica, reason, at);
        await writer.EnqueueAsync(work, cancellationToken).ConfigureAwait(false);
        // What follows in the queue comes behind the state that was begun anew because of it.
        await writer.EnqueueAsync(new CallWork(static _ => { }), cancellationToken).ConfigureAwait(false);
        return work.Result;
    }

    /// <summary>Takes note of fences that a peer told.</summary>
    internal async ValueTask HearAsync(IReadOnlyList<Fence> fences, CancellationToken cancellationToken)
    {
        if (IsKeyed) fences = [.. fences.Where(f => writer.Trust.IsSigned(f) && !IsDistrusted(f.By.Replica))];
        if (fences.All(f => writer.Fences.Table.Known.Any(f.IsSameAs))) return;
        await writer.EnqueueAsync(new HearWork(fences), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether nothing of a replica counts, though no fence says so yet: its key was revoked under another id.</summary>
    private bool IsDistrusted(ReplicaId replica) =>
        writer.Fences.Table.Of(replica) is null && writer.Trust.IsRevoked(replica, writer.Fences.Table);

    /// <summary>Keeps a run that lies beyond its author's fence, or that proves a fork until there is one.</summary>
    internal ValueTask KeepAsideAsync(
        BatchRun run, ReadOnlyMemory<byte> before, bool isProven, CancellationToken cancellationToken) =>
        writer.EnqueueAsync(new AsideWork(run, before, isProven), cancellationToken);

    /// <summary>The forks that no fence has settled, as far as both logs are known; in order of authors.</summary>
    internal IReadOnlyList<ForkReport> ForkReports
    {
        get
        {
            lock (forksGate)
            {
                foreach (ForkReport over in reports.Values.Where(IsOver).ToList())
                {
                    reports.Remove(over.Author);
                    openReports.Remove(over.Author);
                }
                return [.. reports.Values.OrderBy(r => r.Author)];
            }
        }
    }

    /// <summary>Grows with every report.</summary>
    internal int ForksVersion => Volatile.Read(ref forksVersion);

    /// <summary>Takes note of what speaks for a fork, and in the server role ends the log at what both have in common.</summary>
    internal ValueTask NoteForkAsync(ForkReport report, ReplicaId peer, CancellationToken cancellationToken) =>
        NoteForkAsync(report, peer, isProven: false, cancellationToken);

    /// <summary>The same; where both logs were seen, nothing else has to speak for it.</summary>
    internal async ValueTask NoteForkAsync(ForkReport report, ReplicaId peer, bool isProven, CancellationToken cancellationToken)
    {
        if (IsSettled(report)) return;
        if (!isProven && ChainHeads.IsOneLog(this, report))
        {
            await ForgetAsync(report.Author, cancellationToken).ConfigureAwait(false);
            return;
        }
        lock (forksGate)
        {
            // Of several reports the one that goes back the furthest settles the others, too.
            if (reports.TryGetValue(report.Author, out ForkReport? known) && (isProven
                ? known.Common.Sequence < report.Common.Sequence || known == report
                : known.Common.Sequence <= report.Common.Sequence))
                report = isProven ? report : known;
            else
            {
                reports[report.Author] = report;
                forksVersion++;
            }
        }
        await NoteForkAsync(report.Author, report.Common.Sequence, peer, cancellationToken).ConfigureAwait(false);
        writer.Committed.Set();
        if (Role == ReplicaRole.Client || !Options.FencesForks || report.Author == Id || !writer.MayWriteNow
            || !(isProven || ChainHeads.Contradicts(this, report))) return;
        await FenceAsync(report.Author, FenceReason.Forked, ChainHeads.EndFor(this, report.Common), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes note that an author's id is in use twice. If it is this replica's own, it takes a new one.</summary>
    internal async ValueTask NoteForkAsync(ReplicaId author, long? common, ReplicaId peer, CancellationToken cancellationToken)
    {
        lock (forksGate)
        {
            long? known = forks.GetValueOrDefault(author)?.Common;
            forks[author] = new Fork(author, common ?? known, Options.Time.GetUtcNow(), peer);
        }
        if (!writer.Watch.IsInDoubt(author)) await NoteAsync(new DoubtNote(author, true), cancellationToken).ConfigureAwait(false);
        if (author == Id && Options.NewReplicaId is not null)
            await writer.EnqueueAsync(new GiveUpIdWork(author), cancellationToken).ConfigureAwait(false);
    }

    private ValueTask ForgetAsync(ReplicaId author, CancellationToken cancellationToken)
    {
        lock (forksGate)
        {
            if (reports.Remove(author)) forksVersion++;
            forks.Remove(author);
        }
        return ClearAsync(author, cancellationToken);
    }

    /// <summary>Both logs turned out to be one, of which one side holds more.</summary>
    /// <param name="author">Whose.</param>
    /// <param name="peerRole">Of whom holds the other: only a server's log tells that no server speaks of another one.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    internal ValueTask ForgetSuspicionAsync(ReplicaId author, ReplicaRole peerRole, CancellationToken cancellationToken)
    {
        lock (forksGate)
        {
            if (author == Id || reports.ContainsKey(author)) return ValueTask.CompletedTask;
            forks.Remove(author);
        }
        return peerRole == ReplicaRole.Client ? ValueTask.CompletedTask : ClearAsync(author, cancellationToken);
    }

    private ValueTask ClearAsync(ReplicaId author, CancellationToken cancellationToken) => writer.Watch.IsInDoubt(author)
        ? NoteAsync(new DoubtNote(author, false), cancellationToken)
        : ValueTask.CompletedTask;

    /// <summary>Authors of whom two logs are about, as far as this replica has noticed, and that no fence has settled.</summary>
    internal IEnumerable<ReplicaId> InDoubt => writer.Watch.Doubts.Where(a => !IsSettled(a));

    /// <summary>Records, outside the replica's files, that a run of its own is about to leave.</summary>
    internal async ValueTask ReleaseAsync(BatchRun run)
    {
        if (Options.ReleaseRecord is null || run.Author != Id) return;
        Task recorded;
        lock (forksGate)
        {
            if (run.Author == releasedAuthor && run.LastSequence <= released) recorded = releasing;
            else
            {
                (releasedAuthor, released) = (run.Author, run.LastSequence);
                recorded = releasing = RecordAsync(releasing, new ChainHead(
                    run.Author, run.LastSequence, run.Head[..AuthorTable.HashLengthBytes]));
            }
        }
        await recorded.ConfigureAwait(false);
    }

    private async Task RecordAsync(Task before, ChainHead head)
    {
        await before.ConfigureAwait(false);
        try
        {
            await Options.ReleaseRecord!.WriteAsync(head, CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            lock (forksGate) (releasedAuthor, releasing) = (default, Task.CompletedTask);
            throw;
        }
    }

    private bool IsSettled(ReplicaId author) => writer.Fences.Table.Of(author) is not null && !writer.Fences.IsOffBranch(author);

    private bool IsSettled(ForkReport report) => writer.Fences.Table.Of(report.Author) is { } fence
        && (fence.Sequence <= report.Common.Sequence || ChainHeads.PartBehind(this, fence, report, mayBeGone: false));

    /// <summary>Whether nothing is left to settle: also where one of the two logs is not known here. Whoever holds it tells of
    /// it, and of the fork, whenever it is met.</summary>
    private bool IsOver(ForkReport report)
    {
        if (writer.Fences.Table.Of(report.Author) is not { } fence) return false;
        if (fence.Sequence <= report.Common.Sequence) return true;
        IReadOnlyList<SetAsideRun> asides = writer.Fences.Asides;
        if (openReports.TryGetValue(report.Author, out var seen) && seen.Report == report && ReferenceEquals(seen.Asides, asides))
            return false;
        if (ChainHeads.PartBehind(this, fence, report, mayBeGone: true)) return true;
        openReports[report.Author] = (report, asides);
        return false;
    }

    /// <summary>An id that this replica has given up before its logs parted needs no fence.</summary>
    private bool IsGivenUp(ReplicaId author) => writer.Fences.FormerIds.Contains(author) && !reports.ContainsKey(author);

    /// <summary>Behind the opening of the store: what it holds may have to be begun anew, or go on under another id.</summary>
    private async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        if (Options.ReleaseRecord is { } record)
        {
            ChainHead? last = await record.ReadAsync(cancellationToken).ConfigureAwait(false);
            writer.Fences.IsIdInUse = !ReleaseCheck.Contains(store, writer, last);
            if (!writer.Fences.IsIdInUse && last?.Author != Id)
                await record.WriteAsync(new ChainHead(Id, 0, AuthorTable.ChainStart(Id)), cancellationToken).ConfigureAwait(false);
        }
        writer.Rebuild = RebuildAsync;
        if (writer.MustRebuild) await RebuildAsync(writer).ConfigureAwait(false);
        else writer.PlanReissue();
        await writer.EnqueueAsync(new CallWork(static _ => { }), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask RebuildAsync(ReplicaWriter before)
    {
        (ReplicaWriter next, IReadOnlyList<EntityKey> changed) =
            await ReplicaRebuild.RunAsync(store, Options, before).ConfigureAwait(false);
        ReplicaId id = next.Identity.Replica;
        bool isNewId = id != before.Identity.Replica;
        if (isNewId && Options.ReleaseRecord is { } record)
            await record.WriteAsync(new ChainHead(id, 0, AuthorTable.ChainStart(id)), CancellationToken.None).ConfigureAwait(false);
        next.Rebuild = RebuildAsync;
        next.TakeOver();
        writer = next;
        Interlocked.Increment(ref generation);
        before.Cache.Detach();
        next.Signals.Committed.Set();
        if (changed.Count > 0) next.Signals.Tell(changed);
        Blobs.NoteTouched([.. before.NamingBlobs.ToArray().Concat(next.NamingBlobs.ToArray()).Distinct()]);
        if (isNewId) IdentityChanged?.Invoke(this, before.Identity.Replica);
        next.PlanReissue();
    }
}
