using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>The fences that stand. Immutable: what is newly known makes a new one.</summary>
/// <remarks>A function of the set of fences that are known, whoever told them in whatever order.</remarks>
internal sealed class FenceTable
{
    public static readonly FenceTable Empty = new([], [], []);

    private readonly Dictionary<ReplicaId, Fence> standing;

    private FenceTable(Fence[] known, Dictionary<ReplicaId, Fence> standing, HashSet<ReplicaId> revoked) =>
        (Known, this.standing, Revoked) = (known, standing, revoked);

    /// <summary>All that are known, those too that do not stand, in the order of <see cref="Fence.Compare"/>.</summary>
    public IReadOnlyList<Fence> Known { get; }

    /// <summary>Replicas that some fence calls revoked, also where another one ends their log.</summary>
    public IReadOnlySet<ReplicaId> Revoked { get; }

    /// <summary>One for each fenced replica, in order of their ids.</summary>
    public IReadOnlyList<Fence> Standing => [.. standing.Values.OrderBy(f => f.Replica)];

    public static FenceTable From(IEnumerable<Fence> fences)
    {
        var known = new List<Fence>();
        foreach (Fence fence in fences.Order(Comparer<Fence>.Create(Fence.Compare)))
        {
            if (known.Count == 0 || !known[^1].IsSameAs(fence)) known.Add(fence);
        }
        if (known.Count == 0) return Empty;
        var standing = new Dictionary<ReplicaId, Fence>();
        var revoked = new HashSet<ReplicaId>();
        foreach (Fence fence in Accept(known))
        {
            if (fence.Reason == FenceReason.Revoked) revoked.Add(fence.Replica);
            ref Fence? smallest = ref CollectionsMarshal.GetValueRefOrAddDefault(standing, fence.Replica, out _);
            int order = smallest is null ? -1 : Fence.ComparePlaces(fence, smallest);
            // Of two at one place the one that says more is shown.
            if (order < 0 || (order == 0 && fence.Reason == FenceReason.Revoked && smallest!.Reason != FenceReason.Revoked))
                smallest = fence;
        }
        return new FenceTable([.. known], standing, revoked);
    }

    public FenceTable With(IEnumerable<Fence> more) => From(Known.Concat(more));

    public Fence? Of(ReplicaId replica) => standing.GetValueOrDefault(replica);

    /// <summary>Whether a mutation lies beyond its author's fence, and so means nothing.</summary>
    public bool IsBeyond(ReplicaId author, long sequence) =>
        standing.Count > 0 && standing.TryGetValue(author, out Fence? fence) && sequence > fence.Sequence;

    /// <summary>A fence says nothing if the mutation that states it lies beyond a fence that stands. Where that goes in
    /// a circle, because servers fenced each other, the first in order counts.</summary>
    private static List<Fence> Accept(List<Fence> known)
    {
        var accepted = new List<Fence>();
        List<Fence> open = known.FindAll(f => !EndsBefore(f, f));
        while (open.Count > 0)
        {
            open.RemoveAll(f => accepted.Exists(a => EndsBefore(a, f)));
            List<Fence> free = open.FindAll(f => !open.Exists(a => EndsBefore(a, f)));
            if (free.Count == 0 && open.Count > 0) free.Add(open[0]);
            accepted.AddRange(free);
            open.RemoveAll(free.Contains);
        }
        return accepted;
    }

    /// <summary>Whether <paramref name="fence"/>, if it stands, cuts off the mutation that states the other.</summary>
    private static bool EndsBefore(Fence fence, Fence other) =>
        fence.Replica == other.By.Replica && fence.Sequence < other.By.Sequence;
}
