namespace Crdt;

/// <summary>One replica's part in a tree over all replicas that are connected: live changes travel along it, so that each
/// crosses each link about once; on other links it is told only what there is.</summary>
/// <remarks>
/// <para>Nothing is lost by whatever it says: what is told of and does not come is asked for (<see cref="TryGraft"/>). So
/// the tree may be wrong for a while, or lied about.</para>
/// <para>It begins where something came twice, which shows that there is a circle of links; until then, and towards who has
/// but one link, everything is sent at once. Everybody takes the best root that it hears of, through the neighbour that
/// is nearest to it. A way is only taken through a neighbour that is nearer to the root than oneself has ever been, so ways
/// never form a circle (the feasibility condition of RFC 8966, section 3.5.1); who has no such neighbour left is its own
/// root for a while. Lazy links and grafting: Leitão et al., "Epidemic Broadcast Trees", 2007.</para>
/// </remarks>
internal sealed class MeshTree(Func<(ReplicaRole Role, ReplicaId Id)> self, TimeProvider time)
{
    /// <summary>How long something that was told of may take to come along the tree; then one neighbour is asked for it.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>How long nobody takes a way to a root that it has lost: what others still tell of it may lead back here.
    /// </summary>
    private static readonly TimeSpan HoldDown = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();
    private readonly List<MeshLink> links = [];
    private volatile bool isActive;
    private int version;
    private MeshPlace place;
    private MeshLink? parent;
    private long? graftedAt;

    // The last root that was not oneself, how near it has been, and when the way there was lost.
    private MeshPlace nearest;
    private long? lostAt;

    /// <summary>Whether there is a tree: else everything is sent to everybody.</summary>
    public bool IsActive => isActive;

    /// <summary>Counts the changes that concern a link.</summary>
    public int Version => Volatile.Read(ref version);

    public void Join(MeshLink link)
    {
        lock (gate)
        {
            links.Add(link);
            Look();
        }
    }

    public void Leave(MeshLink link)
    {
        lock (gate)
        {
            if (!links.Remove(link)) return;
            if (parent == link) parent = null;
            Look();
        }
    }

    /// <summary>Takes what a neighbour tells.</summary>
    public void Take(MeshLink link, TreeMessage told)
    {
        lock (gate)
        {
            link.Heard = told;
            Look();
        }
    }

    /// <summary>Something came that was here already: there is more than one way. A link that was grafted is not needed
    /// any more.</summary>
    public void NoteTwice(MeshLink link)
    {
        lock (gate)
        {
            link.IsGrafted = false;
            isActive |= links.Count > 1;
            Look();
        }
    }

    /// <summary>Asks a neighbour for what was told of and has not come, unless another has just been asked.</summary>
    public bool TryGraft(MeshLink link)
    {
        lock (gate)
        {
            long now = time.GetTimestamp();
            if (graftedAt is { } last && time.GetElapsedTime(last, now) < Patience) return false;
            (graftedAt, link.IsGrafted) = (now, true);
            Look();
            return true;
        }
    }

    /// <summary>What a neighbour is to be told now; taken once.</summary>
    public TreeMessage? TakeNews(MeshLink link)
    {
        lock (gate)
        {
            if (!HasNews(link)) return null;
            return link.Said = Of(link);
        }
    }

    public bool IsNewsDue(MeshLink link)
    {
        if (!isActive) return false;
        lock (gate) return HasNews(link);
    }

    private bool HasNews(MeshLink link) => isActive && link.Said != Of(link);

    private TreeMessage Of(MeshLink link) => new(place, parent == link, link.IsGrafted);

    // Chooses anew, and tells whomever that concerns.
    private void Look()
    {
        isActive |= links.Count > 1 && links.Exists(l => l.Heard is not null);
        if (!isActive) return;
        Choose();
        foreach (MeshLink link in links)
        {
            bool isPart = link.Heard is not { } heard || heard.Place.Root != place.Root || link == parent || heard.IsParent;
            bool isChanged = link.Set(isPart || link.Heard is { IsGraft: true }, isPart || link.IsGrafted);
            if (!isChanged && !HasNews(link)) continue;
            version++;
            link.Tell();
        }
    }

    private void Choose()
    {
        (ReplicaRole role, ReplicaId id) = self();
        var own = new MeshPlace(role, id, 0);
        MeshPlace best = own;
        MeshLink? through = null;
        foreach (MeshLink link in links)
        {
            if (link.Heard is not { IsParent: false } heard || heard.Place.Root == id || heard.Place.Distance >= MeshPlace.DistanceMax
                || !IsFeasible(heard.Place))
            {
                continue;
            }
            MeshPlace there = heard.Place with { Distance = heard.Place.Distance + 1 };
            if (there.IsBetterThan(best) || (there == best && link == parent)) (best, through) = (there, link);
        }
        bool wasLost = place.Root == nearest.Root && best.Root != nearest.Root;
        (place, parent) = (best, through);
        if (through is null)
        {
            if (wasLost) lostAt = time.GetTimestamp();
        }
        else if (best.Root != nearest.Root || lostAt is not null || best.Distance < nearest.Distance)
        {
            (nearest, lostAt) = (best, null);
        }
    }

    private bool IsFeasible(in MeshPlace there) => there.Root != nearest.Root || there.RootRole != nearest.RootRole
        || there.Distance < nearest.Distance
        || (lostAt is { } lost && time.GetElapsedTime(lost) >= HoldDown);
}
