using System.Collections.Immutable;
using Crdt.Transport.Sessions;

namespace Crdt.Transport.Lanes;

/// <summary>Which spaces of a node have their turn first, which rest, and what a connection may cost. It holds for all
/// connections, those there are now as well; both sides of each go by it. Safe for concurrent calls.</summary>
public sealed class LanePlan
{
    private static readonly TimeSpan PowerReadEvery = TimeSpan.FromSeconds(10);

    private readonly PeerNode node;
    private readonly Lock gate = new();
    private readonly Lock powerGate = new();
    private volatile Wishes wishes = new([], [], []);
    private ConnectionBudget budget;
    private int version;
    private PowerStatus? power;
    private long powerReadAt;

    internal LanePlan(PeerNode node)
    {
        this.node = node;
        budget = node.Options.Budget;
    }

    /// <summary>Raised when a lane begins to rest or goes on, begins, or was steered. On any thread; handlers return soon.</summary>
    public event Action? Changed;

    /// <summary>What a connection may cost; a new one holds at once, for the connections there are, too, from their
    /// beginning on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It makes no sense.</exception>
    public ConnectionBudget Budget
    {
        get => Volatile.Read(ref budget);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Check();
            Volatile.Write(ref budget, value);
            Renew();
        }
    }

    /// <summary>What is wanted of a space, whoever is connected.</summary>
    public SpaceLane this[SpaceId space]
    {
        get => wishes.Lanes.GetValueOrDefault(space, SpaceLane.Default);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Wish(now => now with { Lanes = value == SpaceLane.Default ? now.Lanes.Remove(space) : now.Lanes.SetItem(space, value) });
        }
    }

    /// <summary>What is wanted of a space on connections with one node, instead of what holds for all.</summary>
    /// <param name="nodeId">The other node (<see cref="PeerConnection.PeerNodeId"/>).</param>
    /// <param name="space">Which.</param>
    /// <param name="lane"><see langword="null"/> for what holds for all.</param>
    public void Steer(Guid nodeId, SpaceId space, SpaceLane? lane) => Wish(now => now with
    {
        Steered = lane is null ? now.Steered.Remove((nodeId, space)) : now.Steered.SetItem((nodeId, space), lane),
    });

    /// <summary>What was said of a space on connections with one node, or of the space.</summary>
    public SpaceLane FindSteered(Guid nodeId, SpaceId space) => wishes.Find(nodeId, space);

    /// <summary>The same with the priority that an assignment adds (<see cref="CaseList"/>): what the other side is told.</summary>
    public SpaceLane Find(Guid nodeId, SpaceId space)
    {
        Wishes now = wishes;
        SpaceLane lane = now.Find(nodeId, space);
        return now.Assigned.TryGetValue(space, out int more)
            ? lane with { Priority = Math.Min(lane.Priority + more, SpaceLane.PriorityMax) } : lane;
    }

    /// <summary>Waits until a space is in sync with a peer that is connected: both are known to hold the same, durably. A
    /// milestone of the work, such as "the case list is here", whatever else is still to come.</summary>
    /// <param name="space">Which.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async Task WaitForSyncAsync(SpaceId space, CancellationToken cancellationToken = default)
    {
        var news = new Wakeup();
        Changed += news.Set;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            for (Task call = news.WaitAsync(over.Token).AsTask(); ;)
            {
                // Each is looked at once: one that comes in sync between two looks would be waited for by nobody.
                (SpaceSession Session, ConnectionLanes Lanes, bool IsInSync)[] sessions = [.. node.Connections.SelectMany(
                    c => c.Run.Channels.Sessions.Where(s => s.Channel.Space == space).Select(s => (s, c.Run.Lanes, s.Sync.IsInSync)))];
                if (Array.Exists(sessions, s => s.IsInSync && s.Lanes.HoldOf(s.Session) == LaneHold.None)) return;
                await Task.WhenAny([call, .. sessions.Where(s => !s.IsInSync).Select(s => s.Session.Sync.WaitForSyncAsync(over.Token).AsTask())])
                    .ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (call.IsCompleted) call = news.WaitAsync(over.Token).AsTask();
            }
        }
        finally
        {
            Changed -= news.Set;
            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Goes up with every change of what is wanted.</summary>
    internal int Version => Volatile.Read(ref version);

    /// <summary>Lets spaces go before others, by so much.</summary>
    internal void Assign(IReadOnlyDictionary<SpaceId, int> priorities)
    {
        ImmutableDictionary<SpaceId, int> before = wishes.Assigned;
        if (priorities.Count == before.Count && !priorities.Except(before).Any()) return;
        Wish(now => now with { Assigned = priorities.ToImmutableDictionary() });
    }

    /// <summary>What is spent on a connection; <see cref="LaneHold.None"/> while nothing is.</summary>
    internal LaneHold Judge(long bytes, TimeSpan age)
    {
        ConnectionBudget limits = Budget;
        return bytes >= limits.BytesMax ? LaneHold.Bytes
            : age >= limits.DurationMax ? LaneHold.Time
            : limits.BatteryPercentMin > 0 && ReadPower() is { IsCharging: false } now && now.BatteryPercent < limits.BatteryPercentMin ? LaneHold.Battery
            : LaneHold.None;
    }

    /// <summary>Something has changed on a connection.</summary>
    internal void Tell() => Changed?.Invoke();

    private PowerStatus? ReadPower()
    {
        if (node.Options.Power is not { } source) return null;
        TimeProvider time = node.Options.TimeProvider;
        lock (powerGate)
        {
            if (powerReadAt != 0 && time.GetElapsedTime(powerReadAt) < PowerReadEvery) return power;
            powerReadAt = time.GetTimestamp();
            return power = source.Read();
        }
    }

    private void Wish(Func<Wishes, Wishes> change)
    {
        lock (gate) wishes = change(wishes);
        Renew();
    }

    private void Renew()
    {
        Interlocked.Increment(ref version);
        foreach (PeerConnection connection in node.Connections) connection.Run.Lanes.Renew();
        Tell();
    }

    /// <summary>All that was said; replaced as a whole, since every message asks and few things change it.</summary>
    private sealed record Wishes(
        ImmutableDictionary<SpaceId, SpaceLane> Lanes, ImmutableDictionary<(Guid Node, SpaceId Space), SpaceLane> Steered, ImmutableDictionary<SpaceId, int> Assigned)
    {
        public SpaceLane Find(Guid nodeId, SpaceId space) =>
            Steered.TryGetValue((nodeId, space), out SpaceLane? own) ? own : Lanes.GetValueOrDefault(space, SpaceLane.Default);
    }
}
