using System.Globalization;

namespace Crdt;

/// <summary>Finds out why something stands where it stands.</summary>
internal sealed class Explainer(Replica replica, AuditReport? audit)
{
    private const int PartsMax = 10;

    private readonly ReplicaWriter writer = replica.Writer;

    public Explanation Of(Dot dot)
    {
        string subject = MutationId.Of(dot).ToString();
        if (audit?.Unaccounted.FirstOrDefault(u => u.Dot == dot) is { } lost) return OfUnaccounted(subject, lost);
        if (replica.Fences.FirstOrDefault(f => f.Replica == dot.Replica && f.Sequence < dot.Sequence) is { } fence
            && !writer.Fences.IsOffBranch(dot.Replica)) return OfSetAside(subject, dot, fence);
        long applied = replica.Vector[dot.Replica];
        if (dot.Sequence < 1 || dot.Sequence > applied)
        {
            return new Explanation(subject, ExplanationCode.NotHere,
                $"Of {dot.Replica} {Number(applied)} mutations have arrived here; {Number(dot.Sequence)} is not among them.",
                null, "It comes with the next exchange with somebody who holds it.", WhoActs.Itself);
        }
        ReplicaId[] heldBy = [.. replica.Acknowledgements.Where(a => a.By != dot.Replica && a.Held.Covers(dot)).Select(a => a.By)];
        QueuedMutation? queued = replica.FindMutation(dot);
        Explanation found = queued is null ? OfDropped(subject, dot) : Of(subject, queued);
        return found with { Mutation = queued, HeldBy = heldBy, Notes = [.. found.Notes, .. NotesOf(dot.Replica)] };
    }

    public Explanation Of(EntityKey key)
    {
        Explanation[] parts =
        [
            .. new[] { MutationStatus.Failed, MutationStatus.Conflict, MutationStatus.Pending }
                .SelectMany(s => Find(new MutationFilter { Key = key, Status = s, Order = MutationOrder.NewestFirst }))
                .Concat(audit?.Unaccounted.Where(u => u.Key == key).Select(u => Of(u.Dot)) ?? [])
                .Where(e => e.Who != WhoActs.Nobody),
        ];
        if (parts.Length == 0)
        {
            return replica.GetWithDeleted(key) is { } entity
                ? Synced(key.ToString(), $"All that is known of it is held by a server{(entity.Exists ? "" : "; it is deleted")}.", null)
                : new Explanation(key.ToString(), ExplanationCode.NotHere, "Nothing is known of it here.", null,
                    "Should it exist elsewhere, it comes with the next exchange.", WhoActs.Itself);
        }
        return Sum(key.ToString(), parts, replica.GetWithDeleted(key)?.Conflicts().Where(c => c.IsOpen));
    }

    public Explanation Of(ReplicaId device)
    {
        string subject = device.ToString();
        DeviceQueue? queue = replica.Queues().FirstOrDefault(q => q.Replica == device);
        var filter = new MutationFilter { Author = device };
        var parts = new List<Explanation>();
        if (replica.Fences.FirstOrDefault(f => f.Replica == device) is { } fence) parts.Add(OfFenced(subject, fence));
        if (replica.Forks.FirstOrDefault(f => f.Author == device) is { } fork) parts.Add(OfFork(subject, fork));
        if (device == replica.Id && writer.Trust.ReasonNotToWrite is { } reason) parts.Add(NotEnrolled(subject, reason));
        if (replica.Divergences.FirstOrDefault(d => d.Peer == device) is { } divergence)
        {
            parts.Add(new Explanation(subject, ExplanationCode.Diverged,
                "It holds the same mutations as this replica and another state: a defect, or damage on one side.",
                divergence.Time, "Keep both replicas as they are, and have them looked at.", WhoActs.Operator));
        }
        foreach (MutationStatus status in (MutationStatus[])[MutationStatus.Failed, MutationStatus.Conflict])
            parts.AddRange(Find(filter with { Status = status, Order = MutationOrder.NewestFirst }).Where(e => e.Who != WhoActs.Nobody));
        // Of what is pending, one stands for all: they wait for the same.
        parts.AddRange(Find(filter with { Status = MutationStatus.Pending }, 1));
        if (replica.ClockSkews.FirstOrDefault(s => s.Replica == device) is { } skew && IsFar(skew)) parts.Add(OfSkew(subject, skew));
        if (parts.Count > 0) return Sum(subject, parts, null) with { Device = queue };
        if (queue is null)
        {
            return new Explanation(subject, ExplanationCode.NotHere, "Nothing of this device is known here.", null,
                "If it wrote something, that comes with the next exchange with somebody who holds it.", WhoActs.Itself);
        }
        return Synced(subject, "All that is known of it is held by a server.", null) with { Device = queue };
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static Explanation Synced(string subject, string reason, DateTimeOffset? since) =>
        new(subject, ExplanationCode.Synced, reason, since, "Nothing is left to be done.", WhoActs.Nobody);

    /// <summary>The most serious part speaks for the whole.</summary>
    private static Explanation Sum(string subject, IReadOnlyList<Explanation> parts, IEnumerable<Conflict>? conflicts)
    {
        Explanation first = parts[0];
        return first with
        {
            Subject = subject,
            Since = parts.Where(p => p.Code == first.Code).Min(p => p.Since),
            Mutation = null,
            Conflicts = [.. conflicts ?? first.Conflicts],
            Parts = parts,
        };
    }

    private IEnumerable<Explanation> Find(MutationFilter filter, int max = PartsMax) =>
        replica.Page(filter, max).Items.Select(q => Of(q.Mutation.Dot));

    private Explanation Of(string subject, QueuedMutation queued) => queued.Status switch
    {
        MutationStatus.Failed => OfRefused(subject, queued),
        MutationStatus.Conflict => OfConflict(subject, queued),
        MutationStatus.Pending => OfPending(subject, queued.Mutation.Dot, queued.Mutation.CreatedAt),
        _ => Synced(subject, $"Held by {Servers(queued.Mutation.Dot)}.", queued.SyncedAt),
    };

    private string Servers(Dot dot)
    {
        string[] servers = [.. replica.Acknowledgements
            .Where(a => a.Role != ReplicaRole.Client && a.Held.Covers(dot)).Select(a => $"server {a.By}")];
        return servers.Length == 0 ? "a server" : string.Join(" and ", servers);
    }

    private Explanation OfDropped(string subject, Dot dot) => writer.Acknowledgements.SyncedAt(dot) is { } at
        ? Synced(subject, "Held by a server; here a snapshot stands for it, and the log holds it no more.", at)
        : OfPending(subject, dot, null);

    private Explanation OfRefused(string subject, QueuedMutation queued)
    {
        RefusedTransaction? refusal = replica.FindRefusal(queued.Mutation.Dot);
        (string next, WhoActs who) = refusal?.Handling switch
        {
            RefusalHandling.Resubmitted => ($"It was sent again{By(refusal)}: see there.", WhoActs.Nobody),
            RefusalHandling.Discarded => ($"It was given up{By(refusal)}.", WhoActs.Nobody),
            RefusalHandling.Reassigned => ($"{refusal.Assignee} is to decide: send it again, changed or not, or give it up.", WhoActs.Author),
            _ => ("Send it again, changed or not; give it to somebody else to decide; or give it up.", WhoActs.Author),
        };
        return new Explanation(subject, ExplanationCode.Refused,
            refusal is null ? "A server refused it." : $"Server {refusal.RefusedBy} refused it ({refusal.Code}): {refusal.Reason}",
            refusal?.RefusedAt, next, who)
        {
            Refusal = refusal,
        };

        static string By(RefusedTransaction of) => of.HandledBy is { } by ? $" by {by}" : "";
    }

    private Explanation OfConflict(string subject, QueuedMutation queued)
    {
        Mutation mutation = queued.Mutation;
        Conflict[] conflicts = [.. replica.Get(mutation.Key)?.Conflicts()
            .Where(c => c.IsOpen && c.Siblings.Any(s => s.Dot == mutation.Dot)) ?? []];
        string fields = string.Join(", ", conflicts.Select(
            c => $"'{c.Path}' of {c.Key} ({Number(c.Siblings.Count)} values)"));
        return new Explanation(subject, ExplanationCode.InConflict,
            $"What it wrote stands against what others wrote without having seen it: {fields}.",
            conflicts.Select(c => (DateTimeOffset?)c.Siblings[0].Timestamp.Time).Min(),
            "Somebody decides which value shall stand; until then the latest is read.", WhoActs.User)
        {
            Conflicts = conflicts,
        };
    }

    private Explanation OfPending(string subject, Dot dot, DateTimeOffset? made)
    {
        if (replica.Forks.FirstOrDefault(f => f.Author == dot.Replica) is { } fork) return OfFork(subject, fork);
        if (dot.Replica == replica.Id && writer.Trust.ReasonNotToWrite is { } reason) return NotEnrolled(subject, reason);
        if (Failing() is { } failing) return OfPeer(subject, failing);
        Acknowledgement[] servers = [.. replica.Acknowledgements.Where(a => a.Role != ReplicaRole.Client && a.By != replica.Id)];
        if (servers.Length > 0)
        {
            Acknowledgement last = servers.MaxBy(a => a.Time)!;
            return new Explanation(subject, ExplanationCode.NotYetMet,
                $"No server has said that it holds it; server {last.By} was last heard of at {last.Time.UtcDateTime:O}.", made,
                "The next exchange with a server, or with somebody who meets one, brings it there.", WhoActs.Itself);
        }
        if (replica.Enrolments.FirstOrDefault(e => e.Role == ReplicaRole.Server && e.Replica != replica.Id) is { } enrolled)
        {
            return new Explanation(subject, ExplanationCode.NotYetMet,
                $"No server has said that it holds it; server {enrolled.Replica} is enrolled and was not heard of yet.", made,
                "The first exchange with it, or with somebody who meets it, brings it there.", WhoActs.User);
        }
        int held = replica.Acknowledgements.Count(a => a.By != dot.Replica && a.Held.Covers(dot));
        string holders = held switch
        {
            0 => "no other device is known to hold it",
            1 => "1 paired device is known to hold it",
            _ => $"{Number(held)} paired devices are known to hold it",
        };
        return new Explanation(subject, ExplanationCode.NoServerKnown,
            $"No replica in the server role has been heard of here; {holders}.", made,
            "It stays pending until a server takes part; other devices receive it all the same.", WhoActs.User);
    }

    private PeerAttempts? Failing() => replica.Options.Journal?.Peers
        .Where(p => p.Attempts > 0 && p.LastError is not null).MaxBy(p => p.LastError!.At);

    private Explanation OfPeer(string subject, PeerAttempts peer)
    {
        SyncFailure error = peer.LastError!;
        (ExplanationCode code, string remedy, WhoActs who) = error.Class switch
        {
            SyncErrorClass.Authorisation => (ExplanationCode.Unauthorised, "Somebody has to enrol the device, or pair it again.", WhoActs.Operator),
            SyncErrorClass.Policy => (ExplanationCode.Forbidden, "The settings of one side have to be changed.", WhoActs.Operator),
            SyncErrorClass.Permanent => (ExplanationCode.Incompatible, "One of the two has to be changed or updated.", WhoActs.Operator),
            _ => (ExplanationCode.PeerUnreachable, "", peer.NextAttempt is null ? WhoActs.User : WhoActs.Itself),
        };
        bool isDue = peer.NextAttempt <= replica.Options.Time.GetUtcNow();
        string next = peer.NextAttempt is not { } at ? "Nobody tries by itself: connect again."
            : isDue ? $"It was to be tried again at {at.UtcDateTime:O}: that goes on as soon as the device is at work."
            : $"It is tried again at {at.UtcDateTime:O}.";
        return new Explanation(subject, code,
            $"{Number(peer.Attempts)} attempts to reach {peer.Peer} failed ({error.Code}): {error.Message}",
            peer.FailingSince, remedy.Length == 0 ? next : $"{remedy} {next}", who)
        {
            Peer = peer,
        };
    }

    private static Explanation NotEnrolled(string subject, string reason) => new(subject, ExplanationCode.NotEnrolled, reason, null,
        "Somebody who keeps the space's key enrols it; its enrolment arrives with the next exchange.", WhoActs.Operator);

    private static Explanation OfFork(string subject, Fork fork) => new(subject, ExplanationCode.IdInUseTwice,
        $"The id {fork.Author} is in use twice: {fork.Peer} holds another log of it.", fork.Seen,
        "A server ends the log at what both have in common; what lies beyond is written again under a new id.", WhoActs.Operator);

    private Explanation OfSetAside(string subject, Dot dot, Fence fence)
    {
        Explanation found = OfFenced(subject, fence);
        bool isOwn = dot.Replica == replica.Id || replica.FormerIds.Contains(dot.Replica);
        return found with
        {
            Next = isOwn
                ? replica.PendingReissues > 0 ? "It is written again under this device's new id as soon as that may write." : "It was written again under this device's new id."
                : "Its device writes it again when it returns; where it is gone, somebody else does.",
            Who = isOwn ? WhoActs.Itself : WhoActs.Author,
        };
    }

    private Explanation OfFenced(string subject, Fence fence) => new(subject, ExplanationCode.SetAside,
        $"The log of {fence.Replica} ends at {Number(fence.Sequence)} ({fence.Reason}), by the word of {fence.By.Replica}: what lies beyond "
        + "counts nowhere, and is kept.", replica.FindMutation(fence.By)?.Mutation.CreatedAt,
        "What it wrote beyond is written again under a new id.", WhoActs.Author);

    private static Explanation OfUnaccounted(string subject, UnaccountedSibling lost) => new(subject, ExplanationCode.Unaccounted,
        lost.IsHeld ? $"A value of it is held in '{lost.Path}' of {lost.Key} that was never written."
            : $"What it wrote to '{lost.Path}' of {lost.Key} is neither held nor was replaced by anybody who had seen it.", null,
        "That must never be: keep the replica as it is, and have it looked at.", WhoActs.Operator);

    private bool IsFar(ClockSkew skew) => Math.Abs(skew.OffsetMs) > replica.Options.ClockDriftMax.TotalMilliseconds;

    private static string Describe(ClockSkew skew) =>
        $"its clock was {Number(Math.Abs(skew.OffsetMs) / 1_000)} s {(skew.OffsetMs > 0 ? "ahead of" : "behind")} this one's at {skew.MeasuredAt.UtcDateTime:O}";

    private static Explanation OfSkew(string subject, ClockSkew skew) => new(subject, ExplanationCode.ClockSkewed,
        $"Its device is synced, but {Describe(skew)}.", skew.MeasuredAt,
        "Set its clock. Nothing is lost by a wrong one: it only decides between concurrent writes.", WhoActs.User);

    private IEnumerable<string> NotesOf(ReplicaId author) => replica.ClockSkews
        .Where(s => s.Replica == author && IsFar(s)).Select(s => $"Of the device that wrote it: {Describe(s)}.");
}
