namespace Crdt;

/// <content>Asking for a snapshot that brings nothing new: whoever always kept up never needed one, and so has none to drop
/// its log behind.</content>
public sealed partial class SyncSession
{
    // Asked and not answered; asked at all in this session; asked by the peer.
    private bool isAsking, hasAsked, mustAnswer;

    // Whoever holds another log of somebody than the one that counts needs a snapshot to begin anew from.
    private bool IsAskingDue => !hasAsked && !isOnPaper && (replica.IsSnapshotRequested || NeedsSnapshot);

    // What stands in a snapshot alone does not come while its log differs from the own one: then nothing else is waited for.
    private bool IsStuck => NeedsSnapshot && isPeerKnown && !mustTellHeads && HasSaidAll && !outbox.IsBusy && inbox is null;

    private bool NeedsSnapshot => Fences.HasOffBranch
        || (Fences.Partings is { Count: > 0 } partings && !replica.Snapshots.Any(s => partings.All(p => s.Vector[p.Author] > p.Common)));

    private AskMessage? TakeAsk()
    {
        if (!IsAskingDue || !(IsQuiet || IsStuck)) return null;
        lock (gate) hasAsked = isAsking = true;
        return new AskMessage();
    }

    private void Answer()
    {
        lock (gate) mustAnswer = true;
    }

    /// <summary>Begins to offer the newest snapshot.</summary>
    /// <returns>The answer where none is held.</returns>
    private SnapshotMessage? TakeAnswer()
    {
        if (!mustAnswer || outbox.IsBusy) return null;
        mustAnswer = false;
        if (replica.Snapshots.LastOrDefault(replica.Writer.MayBeBelieved) is not { } newest) return new SnapshotMessage(default);
        outbox.Offer(newest);
        return null;
    }

    /// <summary>What was asked for is answered by whatever snapshot comes next.</summary>
    private bool TakeAsked()
    {
        lock (gate)
        {
            bool wasAsked = isAsking;
            isAsking = false;
            return wasAsked;
        }
    }
}
