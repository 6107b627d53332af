namespace Crdt.Transport.Sessions;

/// <summary>The spaces of one connection: what each side declared under which number, and a session for each that
/// both declared and in which the other side is known to be enrolled. The dialler declares all it has, the other side only
/// what the dialler has too, so nobody learns from it which other spaces there are. Safe for concurrent calls.</summary>
/// <remarks>The dialler's first messages travel with its greeting, also those of spaces that the other side proves not
/// to have. Their declarations lapse: what still arrives under such a number is passed over, and if the other side gets
/// the space later, both declare it anew, so that no message of the first try is taken for one of the second. Likewise
/// what was sent before an enrolment that the other side asked for is passed over there: the session begins anew behind
/// the <c>proof</c>.</remarks>
internal sealed class ChannelSet(bool isDialler, SyncSessionOptions options, Action call) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<SpaceId, int> ownNumbers = [];
    private readonly Dictionary<int, SpaceId> peerNumbers = [];
    private readonly HashSet<SpaceId> peerSpaces = [];
    private readonly HashSet<SpaceId> lapsed = []; // declared by the dialler in its greeting, not by the other side
    private readonly Dictionary<SpaceId, Replica> strangers = []; // where the peer has to show its enrolment first
    private readonly HashSet<SpaceId> asked = []; // where the peer wants to see ours
    private readonly List<SpaceId> owed = []; // of those, what was not shown yet
    private readonly List<SpaceChannel> undeclared = [];
    private readonly List<SpaceSession> restarted = [];
    private SpaceSession[] sessions = [];
    private int declarations;
    private bool disposed;

    /// <summary>The sessions there are now, in the order in which they began.</summary>
    public IReadOnlyList<SpaceSession> Sessions => Volatile.Read(ref sessions);

    /// <summary>Who the other side is; set before anything is declared.</summary>
    public PeerRecognition Peer { get; set; } = new(default);

    /// <summary>Whether there was a common space but for a key that was revoked.</summary>
    public bool MetRevoked { get; private set; }

    /// <summary>Whether the other side knows us in none of the common spaces.</summary>
    public bool IsStranger
    {
        get
        {
            lock (gate)
                return peerSpaces.Count > 0 && peerSpaces.All(asked.Contains);
        }
    }

    /// <summary>The declarations of our own greeting, and in which of them we ask the other side to show its enrolment; the
    /// dialler opens the sessions of the others at once, so that their first messages travel with it.</summary>
    public (IReadOnlyList<SpaceChannel> Spaces, IReadOnlyList<int> Asks) DeclareInHello(IEnumerable<Replica> replicas, int max)
    {
        lock (gate)
        {
            var declared = new List<SpaceChannel>();
            foreach (Replica replica in replicas)
            {
                if (declared.Count == max)
                    break;
                if ((isDialler || peerSpaces.Contains(replica.Space)) && Judge(replica) is var standing
                    && standing != NodeStanding.Revoked)
                {
                    declared.Add(Declare(replica.Space));
                    Admit(replica, standing);
                }
            }
            foreach ((int number, SpaceId space) in peerNumbers.ToArray())
            {
                if (ownNumbers.ContainsKey(space))
                    continue;
                peerNumbers[number] = default;
                peerSpaces.Remove(space);
                lapsed.Add(space);
            }
            return (declared, AsksOf(declared));
        }
    }

    /// <summary>Takes the peer's declarations, and where it wants to see our enrolment.</summary>
    /// <exception cref="WireException">One repeats a number or a space.</exception>
    public void Learn(IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks, string peer)
    {
        lock (gate)
        {
            foreach (SpaceChannel space in spaces)
            {
                if (space.Space.IsEmpty || !peerNumbers.TryAdd(space.Number, space.Space))
                    throw new WireException(WireError.Malformed, $"{peer} declares channel {space.Number} badly.");
                if (!peerSpaces.Add(space.Space))
                    throw new WireException(WireError.Malformed, $"{peer} declares space {space.Space} twice.");
                if (!isDialler)
                    lapsed.Remove(space.Space);
            }
            foreach (int number in asks)
            {
                if (!peerNumbers.TryGetValue(number, out SpaceId space) || !asked.Add(space))
                    throw new WireException(WireError.Malformed, $"{peer} asks badly on channel {number}.");
                owed.Add(space);
                Restart(space);
            }
        }
    }

    /// <summary>Ends the sessions that were opened in hope, where the peer does not have the space.</summary>
    /// <returns>How many spaces are left, those included in which the peer has to show its enrolment first.</returns>
    public int KeepCommon()
    {
        lock (gate)
        {
            foreach (SpaceSession session in sessions)
            {
                if (!peerSpaces.Contains(session.Channel.Space))
                {
                    session.Dispose();
                    Lapse(session.Channel.Space);
                }
            }
            sessions = [.. sessions.Where(session => peerSpaces.Contains(session.Channel.Space))];
            foreach (SpaceId space in strangers.Keys.Where(space => !peerSpaces.Contains(space)).ToArray())
            {
                strangers.Remove(space);
                Lapse(space);
            }
            return sessions.Length + strangers.Count;
        }
    }

    /// <summary>Takes a space that was added to the node since, or that the peer declared since.</summary>
    /// <returns>Whether there is something new to send.</returns>
    public bool Offer(Replica replica)
    {
        lock (gate)
        {
            bool isLapsed = lapsed.Contains(replica.Space);
            bool isCommon = peerSpaces.Contains(replica.Space) || (isLapsed && !isDialler);
            bool declare = !ownNumbers.ContainsKey(replica.Space) && (isCommon || (isDialler && !isLapsed));
            bool open = isCommon && !strangers.ContainsKey(replica.Space)
                && !Array.Exists(sessions, session => session.Channel.Space == replica.Space);
            if (disposed || !(declare || open) || (declare && declarations == MessageFormat.ChannelsMax)
                || Judge(replica) is var standing && standing == NodeStanding.Revoked)
                return false;
            if (declare)
            {
                undeclared.Add(Declare(replica.Space));
                if (standing == NodeStanding.Unknown)
                    strangers.TryAdd(replica.Space, replica);
            }
            if (open)
                Admit(replica, standing);
            return true;
        }
    }

    /// <summary>What is to be declared in a <c>spaces</c> frame, and where the peer is asked for its enrolment; taken once.
    /// </summary>
    public (IReadOnlyList<SpaceChannel> Spaces, IReadOnlyList<int> Asks) TakeUndeclared()
    {
        lock (gate)
        {
            int count = Math.Min(undeclared.Count, MessageFormat.SpacesMax);
            SpaceChannel[] taken = [.. undeclared.Take(count)];
            undeclared.RemoveRange(0, count);
            return (taken, AsksOf(taken));
        }
    }

    /// <summary>Where the peer is to be shown our enrolment now; taken once. Sessions that are looked up afterwards begin
    /// behind it.</summary>
    public IReadOnlyList<SpaceChannel> TakeOwedProofs()
    {
        lock (gate)
        {
            if (owed.Count == 0)
                return [];
            SpaceChannel[] taken = [.. owed.Where(ownNumbers.ContainsKey).Select(s => new SpaceChannel(ownNumbers[s], s))];
            owed.RemoveAll(ownNumbers.ContainsKey);
            return taken;
        }
    }

    /// <summary>Judges what the peer shows of its enrolment; the space's session begins if that holds.</summary>
    /// <returns>How the peer stands in the space; <see langword="null"/> where it was not asked.</returns>
    /// <exception cref="WireException">The peer has not declared the number.</exception>
    public NodeStanding? TakeProof(int peerNumber, Enrolment? shown, string peer)
    {
        lock (gate)
        {
            if (!strangers.Remove(SpaceOf(peerNumber, peer), out Replica? replica) || disposed)
                return null;
            if (shown is not null)
                Peer.Take(replica.Space, shown);
            NodeStanding standing = Judge(replica);
            if (standing == NodeStanding.Enrolled)
                Open(replica);
            return standing;
        }
    }

    /// <summary>How many spaces there are in which the peer has yet to show its enrolment.</summary>
    public int CountStrangers()
    {
        lock (gate)
            return strangers.Count;
    }

    /// <summary>The session that the peer means by its number.</summary>
    /// <returns><see langword="null"/> for a space that we do not have, or in which we do not know the peer.</returns>
    /// <exception cref="WireException">The peer has not declared the number.</exception>
    public SpaceSession? Find(int peerNumber, string peer)
    {
        lock (gate)
        {
            SpaceId space = SpaceOf(peerNumber, peer);
            return Array.Find(sessions, session => session.Channel.Space == space);
        }
    }

    /// <summary>The space that the peer declared under a number; <see langword="null"/> where that has lapsed.</summary>
    /// <exception cref="WireException">The peer has not declared the number.</exception>
    public SpaceId? FindSpace(int peerNumber, string peer)
    {
        lock (gate)
            return SpaceOf(peerNumber, peer) is { IsEmpty: false } space ? space : null;
    }

    /// <summary>What the peer was told of.</summary>
    public IReadOnlyList<SpaceChannel> Declared
    {
        get
        {
            lock (gate)
                return [.. ownNumbers.Where(n => !undeclared.Exists(u => u.Number == n.Value)).Select(n => new SpaceChannel(n.Value, n.Key))];
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (SpaceSession session in sessions.Concat(restarted))
                session.Dispose();
        }
    }

    private SpaceId SpaceOf(int peerNumber, string peer) => peerNumbers.TryGetValue(peerNumber, out SpaceId space)
        ? space
        : throw new WireException(
            WireError.UnknownChannel, $"{peer} sent a message on channel {peerNumber}, not declared by it.");

    private NodeStanding Judge(Replica replica)
    {
        NodeStanding standing = Peer.StandingIn(replica);
        MetRevoked |= standing == NodeStanding.Revoked;
        return standing;
    }

    private int[] AsksOf(IEnumerable<SpaceChannel> declared) =>
        [.. declared.Where(channel => strangers.ContainsKey(channel.Space)).Select(channel => channel.Number)];

    private void Lapse(SpaceId space)
    {
        ownNumbers.Remove(space);
        lapsed.Add(space);
    }

    private SpaceChannel Declare(SpaceId space)
    {
        var channel = new SpaceChannel(declarations++, space);
        ownNumbers.Add(space, channel.Number);
        return channel;
    }

    private void Admit(Replica replica, NodeStanding standing)
    {
        if (standing == NodeStanding.Enrolled)
            Open(replica);
        else
            strangers.TryAdd(replica.Space, replica);
    }

    private void Open(Replica replica) => Volatile.Write(ref sessions, [.. sessions, Session(replica)]);

    private void Restart(SpaceId space)
    {
        int at = Array.FindIndex(sessions, session => session.Channel.Space == space);
        if (at < 0)
            return;
        SpaceSession[] next = [.. sessions];
        next[at] = Session(next[at].Replica);
        restarted.Add(sessions[at]); // the writer may be in it
        Volatile.Write(ref sessions, next);
    }

    private SpaceSession Session(Replica replica)
    {
        var sync = new SyncSession(replica, options) { PeerKey = Peer.Key };
        BlobExchange blobs = replica.Blobs.Join(() => sync.Peer, call);
        return new SpaceSession(new SpaceChannel(ownNumbers[replica.Space], replica.Space), replica, sync, blobs);
    }
}
