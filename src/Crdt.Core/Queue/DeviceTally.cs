using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Counts per device what a person wrote: by what the zones say, and by reading only those in which mutations of
/// different status may lie together.</summary>
internal sealed class DeviceTally(ReplicaWriter writer, IReplicaStore store, OpenConflicts conflicts)
{
    private readonly Dictionary<ReplicaId, Count> counts = [];
    private readonly SequenceRanges refused = new(writer.Refusals.Refused());

    /// <summary>What one device has.</summary>
    public record struct Count(long Pending, long Synced, long Conflict, long Failed, DateTimeOffset? OldestPending);

    /// <summary>By device.</summary>
    public IReadOnlyDictionary<ReplicaId, Count> Counts => counts;

    /// <summary>Counts what a person wrote in some zones.</summary>
    /// <param name="user">Whose.</param>
    /// <param name="zones">In order.</param>
    /// <param name="contested">What is in open conflicts.</param>
    public void Add(string user, ArraySegment<ZoneSummary> zones, SequenceRanges contested)
    {
        var filter = new MutationFilter { User = user };
        var search = new MutationSearch(filter, null, null);
        for (int i = 0; i < zones.Count; i++)
        {
            ZoneSummary zone = zones[i];
            if (!search.MayMatch(zone)) continue;
            // Of the first zone that is held, the beginning may have been dropped.
            if (zone.From >= store.LogStart && zone.Authors.All(a => IsPlain(a) && !contested.Meet(a)))
            {
                foreach (ZoneSummary.Writer of in zone.Writers.Where(w => zone.Users[w.User] == user)) Add(zone.Authors[of.Author], of.Mutations);
                continue;
            }
            foreach ((Mutation mutation, MutationCursor _) in search.Run(store, writer.Fences, zones.Slice(i, 1), null))
                Add(mutation);
        }
    }

    /// <summary>Whether all of a stretch have one status, and need not be looked at.</summary>
    private bool IsPlain(ZoneSummary.AuthorRange range)
    {
        if (refused.Meet(range) || writer.Fences.Table.IsBeyond(range.Author, range.Last)) return false;
        long synced = writer.Acknowledgements.SyncedTo(range.Author);
        // The first pending one is wanted for its time.
        return range.Last <= synced || (range.First > synced && counts.GetValueOrDefault(range.Author).OldestPending is not null);
    }

    private void Add(ZoneSummary.AuthorRange range, int mutations)
    {
        ref Count count = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, range.Author, out _);
        if (range.Last <= writer.Acknowledgements.SyncedTo(range.Author)) count.Synced += mutations;
        else count.Pending += mutations;
    }

    private void Add(Mutation mutation)
    {
        ref Count count = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, mutation.Dot.Replica, out _);
        if (writer.Refusals.IsRefused(mutation.Dot)) count.Failed++;
        else if (writer.Acknowledgements.SyncedTo(mutation.Dot.Replica) < mutation.Dot.Sequence)
        {
            count.Pending++;
            count.OldestPending ??= mutation.CreatedAt;
        }
        else if (conflicts.Contains(mutation)) count.Conflict++;
        else count.Synced++;
    }
}
