using Crdt.Transport.Frames;
using Crdt.Transport.Lanes;

namespace Crdt.Transport.Sessions;

/// <summary>The turns of one connection's spaces: what both sides want of each, what may still be spent, and what rests. Safe for
/// concurrent calls.</summary>
/// <param name="node">Whose plan holds.</param>
/// <param name="run">The connection.</param>
/// <param name="time">Its clock.</param>
internal sealed class ConnectionLanes(PeerNode node, ConnectionRun run, TimeProvider time)
{
    // What is left is told again when so much of it is gone.
    private const int AllowanceSteps = 16;
    private const long AllowanceStepMin = 64 << 10;

    private readonly Lock gate = new();
    private readonly long beganAt = time.GetTimestamp();
    private readonly Dictionary<SpaceId, LaneWish> wishes = [];
    private IReadOnlyList<SpaceSession> arranged = [];
    private SpaceSession[][] tiers = [];
    private (int Own, int Peer) arrangedAt;
    private bool isTold;
    private LaneWish[] told = [];
    private long? toldLeft;
    private long? allowance;
    private long spentOfAllowance;
    private LaneHold spent;
    private int wishVersion;

    /// <summary>What this side has spent of its own budget.</summary>
    private LaneHold Spent => node.Lanes.Judge(run.Frames.BytesSent + run.Frames.BytesReceived + run.Frames.Outgoing.LengthBytes, time.GetElapsedTime(beganAt));

    /// <summary>The sessions by priority, what has its turn first in front; within one priority in the order in which they
    /// began.</summary>
    public IReadOnlyList<SpaceSession[]> Arrange(IReadOnlyList<SpaceSession> sessions)
    {
        int version = node.Lanes.Version;
        lock (gate)
        {
            if (!ReferenceEquals(arranged, sessions) || arrangedAt != (version, wishVersion))
            {
                tiers = [.. sessions.GroupBy(PriorityOf).OrderByDescending(tier => tier.Key).Select(tier => tier.ToArray())];
                (arranged, arrangedAt) = (sessions, (version, wishVersion));
            }
            return tiers;
        }
    }

    /// <summary>Both sides' priorities together.</summary>
    public int PriorityOf(SpaceSession session)
    {
        int own = node.Lanes.Find(run.PeerNodeId, session.Channel.Space).Priority;
        lock (gate) return own + wishes.GetValueOrDefault(session.Channel.Space).Priority;
    }

    /// <summary>Why a space's mutations rest, if they do.</summary>
    public LaneHold HoldOf(SpaceSession session) => HoldOf(session, isAttachments: false);

    /// <summary>Why a space's attachments rest, if they do.</summary>
    public LaneHold HoldAttachmentsOf(SpaceSession session) => HoldOf(session, isAttachments: true);

    /// <summary>Takes what the other side wants: all of it, each time.</summary>
    /// <exception cref="WireException">It speaks of a channel that it has not declared.</exception>
    public void Learn(IReadOnlyList<LaneWish> wanted, long? left)
    {
        (SpaceId? Space, LaneWish Wish)[] found = [.. wanted.Select(w => (run.Channels.FindSpace(w.Channel, run.Frames.Peer), w))];
        lock (gate)
        {
            wishes.Clear();
            foreach ((SpaceId? space, LaneWish wish) in found)
            {
                if (space is { } known) wishes[known] = wish;
            }
            (allowance, spentOfAllowance) = (left, 0);
            wishVersion++;
        }
    }

    /// <summary>So much was sent of a space.</summary>
    public void Count(SpaceSession session, int lengthBytes, bool isAttachments)
    {
        session.BytesSent += lengthBytes;
        lock (gate)
        {
            if (allowance is null) return;
            if (isAttachments || !wishes.GetValueOrDefault(session.Channel.Space).Flags.HasFlag(LaneFlags.Essential)) spentOfAllowance += lengthBytes;
        }
    }

    /// <summary>What this side wants has changed.</summary>
    public void Renew()
    {
        lock (gate) isTold = false;
        run.Call();
    }

    /// <summary>Looks whether something is spent meanwhile, or is to be had again.</summary>
    /// <returns>Whether that has changed.</returns>
    public bool Reconsider()
    {
        LaneHold now = Spent;
        lock (gate)
        {
            if (now == spent) return false;
            spent = now;
            isTold = false;
        }
        return true;
    }

    /// <summary>Tells the other side what is wanted here, where that has changed.</summary>
    /// <param name="output">Takes the frame.</param>
    /// <param name="declared">The spaces that the other side was told of.</param>
    public void WriteNews(FrameBuffer output, Func<IEnumerable<SpaceChannel>> declared)
    {
        long max = node.Lanes.Budget.BytesMax;
        long? left = Spent != LaneHold.None ? 0 : max == long.MaxValue ? null : Math.Max(0, max - run.Frames.BytesSent - run.Frames.BytesReceived);
        lock (gate)
        {
            if (isTold && (left == toldLeft || left > toldLeft - Math.Max(max / AllowanceSteps, AllowanceStepMin))) return;
            isTold = true;
            LaneWish[] wanted = [.. declared().Select(c => LaneWish.Of(c.Number, node.Lanes.Find(run.PeerNodeId, c.Space)))
                .Where(w => w.Priority != 0 || w.Flags != 0).Take(MessageFormat.LanesMax)];
            if (left == toldLeft && wanted.AsSpan().SequenceEqual(told)) return;
            (told, toldLeft) = (wanted, left);
            MessageFormat.WriteLanes(output, wanted, left);
        }
    }

    public IReadOnlyList<LaneStatus> Describe() =>
        [.. Arrange(run.Channels.Sessions).SelectMany(tier => tier).Select(s => new LaneStatus(s.Channel.Space, PriorityOf(s), HoldOf(s), HoldAttachmentsOf(s), s.BytesSent, s.BytesReceived,
            s.Sync.IsInSync, s.Sync.Progress))];

    private LaneHold HoldOf(SpaceSession session, bool isAttachments)
    {
        SpaceLane own = node.Lanes.Find(run.PeerNodeId, session.Channel.Space);
        if (own.IsHeld || (isAttachments && !own.CarriesAttachments)) return LaneHold.Here;
        LaneFlags wish;
        bool isPeerSpent;
        lock (gate)
        {
            wish = wishes.GetValueOrDefault(session.Channel.Space).Flags;
            isPeerSpent = spentOfAllowance >= allowance;
        }
        if (wish.HasFlag(LaneFlags.Held) || (isAttachments && wish.HasFlag(LaneFlags.NoAttachments))) return LaneHold.Peer;
        if (isPeerSpent && (isAttachments || !wish.HasFlag(LaneFlags.Essential))) return LaneHold.PeerBudget;
        return isAttachments || !own.IsEssential ? Spent : LaneHold.None;
    }
}
