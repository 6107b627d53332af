namespace Crdt;

/// <content>Where connections form circles, runs travel along a tree of them; on the others both sides tell what they hold,
/// and ask for what does not come.</content>
public sealed partial class SyncSession
{
    // What the peer was told that is held here: by runs, acknowledgements, heads, or in so many words.
    private readonly Dictionary<ReplicaId, long> toldHeld = [];
    private LogPosition toldUntil;

    private MeshLink? link;
    private bool wasLazy;

    // What the peer holds, has not come, and is waited for until then; how much of it there was when the wait began.
    private VersionVector? awaited;
    private long awaitedSince, awaitedProgress;

    private bool IsEager => link is not { IsEager: false };

    /// <summary>How long to wait before <see cref="WriteNextAsync"/> may have something to write though nothing happened;
    /// <see langword="null"/> for ever.</summary>
    internal TimeSpan? Patience
    {
        get
        {
            lock (gate)
            {
                if (awaited is null) return null;
                TimeSpan left = MeshTree.Patience - replica.Options.Time.GetElapsedTime(awaitedSince);
                return left > TimeSpan.Zero ? left : TimeSpan.Zero;
            }
        }
    }

    private bool IsPatienceOver => awaited is not null && replica.Options.Time.GetElapsedTime(awaitedSince) >= MeshTree.Patience;

    /// <summary>Whether everything was sent, or told of.</summary>
    private bool HasToldAll(LogPosition end) => cursor >= end || (!IsEager && toldUntil >= end);

    private bool MustTellHeld(LogPosition end) => replica.Mesh.IsActive && link is not null && toldUntil < end && (!IsEager || cursor >= end);

    private bool IsUntold(Dot dot) => dot.Sequence > toldHeld.GetValueOrDefault(dot.Replica) && !setAside.Contains(dot.Replica);

    private void JoinMesh()
    {
        if (isOnPaper) return;
        link = new MeshLink(pulse.Set);
        replica.Mesh.Join(link);
    }

    private void LeaveMesh()
    {
        if (link is not null) replica.Mesh.Leave(link);
    }

    private TreeMessage? TakeTree() => link is null ? null : replica.Mesh.TakeNews(link);

    private bool IsTreeDue => link is not null && replica.Mesh.IsNewsDue(link);

    private void Take(TreeMessage tree)
    {
        if (link is not null) replica.Mesh.Take(link, tree);
    }

    private void NoteTwice()
    {
        if (link is not null) replica.Mesh.NoteTwice(link);
    }

    private async ValueTask TakeAsync(HoldsMessage holds, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (!isPeerKnown) throw new SyncException(SyncError.UnexpectedMessage, "What is new is told after the heads.");
            foreach (Dot dot in holds.Held)
            {
                if (setAside.Contains(dot.Replica)) continue;
                Raise(announced, dot.Replica, dot.Sequence);
                Raise(acknowledged, dot.Replica, dot.Sequence);
            }
            Await();
        }
        await NoteTimeAsync(holds.Time, cancellationToken).ConfigureAwait(false);
        if (IsKeyed) return;
        // Of what is not here yet it counts once it is: by then the peer's statements say so.
        VersionVector held = replica.Vector;
        var known = VersionVector.From(holds.Held.Where(held.Covers));
        if (known.Count > 0)
            await replica.AcknowledgeAsync(new Acknowledgement(peer!.Value, peerRole, holds.Time, known), cancellationToken).ConfigureAwait(false);
    }

    private HoldsMessage? TakeHolds()
    {
        LogPosition end = replica.Writer.PublishedEnd;
        VersionVector held = replica.Vector;
        lock (gate)
        {
            if (!MustTellHeld(end)) return null;
            toldUntil = end;
            var news = VersionVector.From(held.Where(IsUntold));
            if (news.Count == 0) return null;
            foreach (Dot dot in news) Raise(toldHeld, dot.Replica, dot.Sequence);
            if (IsKeyed) signedStatements.IsDue = true;
            return new HoldsMessage(replica.Options.Time.GetUtcNow(), news);
        }
    }

    /// <summary>Begins to wait for what the peer holds and does not send.</summary>
    private void Await()
    {
        if (awaited is not null || link is not { IsFed: false } || announced.Count == 0) return;
        VersionVector held = replica.Vector;
        Dot[] missing = [.. announced.Where(a => !IsHeld(held, a.Key, a.Value)).Select(a => new Dot(a.Key, a.Value))];
        if (missing.Length == 0) return;
        awaited = VersionVector.From(missing);
        (awaitedSince, awaitedProgress) = (replica.Options.Time.GetTimestamp(), ProgressIn(held));
    }

    /// <summary>Asks the peer for what was waited for long enough, unless it is coming along another link.</summary>
    private void LosePatience()
    {
        lock (gate)
        {
            Await();
            if (!IsPatienceOver) return;
            VersionVector held = replica.Vector;
            bool isMissing = awaited!.Any(d => !IsHeld(held, d.Replica, d.Sequence)), isComing = ProgressIn(held) != awaitedProgress;
            if (isMissing && !isComing && link is { IsFed: false }) replica.Mesh.TryGraft(link);
            awaited = null;
            Await();
        }
    }

    private long ProgressIn(VersionVector held) => awaited!.Sum(d => Math.Min(d.Sequence, held[d.Replica]));

    /// <summary>A link that turns eager goes on from what the peer is known to hold by then.</summary>
    private void PassOverKnown()
    {
        if (!wasLazy) return;
        wasLazy = false;
        VersionVector known;
        lock (gate) known = VersionVector.From(acknowledged.Concat(sent).Select(a => new Dot(a.Key, a.Value)));
        LogPosition start = replica.Store.FindStart(known);
        if (start <= cursor) return;
        entries?.Dispose();
        entries = null;
        cursor = start;
    }
}
