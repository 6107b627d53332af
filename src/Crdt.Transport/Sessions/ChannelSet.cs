namespace Crdt.Transport.Sessions;

/// <summary>The spaces of one connection: what each side declared under which number, and a session for each that
/// both declared. The dialler declares all it has, the other side only what the dialler has too, so nobody learns
/// from it which other spaces there are. Safe for concurrent calls.</summary>
/// <remarks>The dialler's first messages travel with its greeting, also those of spaces that the other side proves not
/// to have. Their declarations lapse: what still arrives under such a number is passed over, and if the other side gets
/// the space later, both declare it anew, so that no message of the first try is taken for one of the second.</remarks>
internal sealed class ChannelSet(bool isDialler, SyncSessionOptions options) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<SpaceId, int> ownNumbers = [];
    private readonly Dictionary<int, SpaceId> peerNumbers = [];
    private readonly HashSet<SpaceId> peerSpaces = [];
    private readonly HashSet<SpaceId> lapsed = []; // declared by the dialler in its greeting, not by the other side
    private readonly List<SpaceChannel> undeclared = [];
    private SpaceSession[] sessions = [];
    private int declarations;
    private bool disposed;

    /// <summary>The sessions there are now, in the order in which they began.</summary>
    public IReadOnlyList<SpaceSession> Sessions => Volatile.Read(ref sessions);

    /// <summary>The declarations of our own greeting; the dialler opens their sessions at once, so that their first
    /// messages travel with it.</summary>
    public IReadOnlyList<SpaceChannel> DeclareInHello(IEnumerable<Replica> replicas)
    {
        lock (gate)
        {
            var declared = new List<SpaceChannel>();
            foreach (Replica replica in replicas)
            {
                if (declared.Count == MessageFormat.HelloSpacesMax)
                    break;
                if (!isDialler && !peerSpaces.Contains(replica.Space))
                    continue;
                declared.Add(Declare(replica.Space));
                Open(replica);
            }
            foreach ((int number, SpaceId space) in peerNumbers.ToArray())
            {
                if (ownNumbers.ContainsKey(space))
                    continue;
                peerNumbers[number] = default;
                peerSpaces.Remove(space);
                lapsed.Add(space);
            }
            return declared;
        }
    }

    /// <summary>Takes the peer's declarations.</summary>
    /// <exception cref="WireException">One repeats a number or a space.</exception>
    public void Learn(IReadOnlyList<SpaceChannel> spaces, string peer)
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
        }
    }

    /// <summary>Ends the sessions that were opened in hope, where the peer does not have the space.</summary>
    /// <returns>How many are left.</returns>
    public int KeepCommon()
    {
        lock (gate)
        {
            foreach (SpaceSession session in sessions)
            {
                if (peerSpaces.Contains(session.Channel.Space))
                    continue;
                session.Sync.Dispose();
                ownNumbers.Remove(session.Channel.Space);
                lapsed.Add(session.Channel.Space);
            }
            sessions = [.. sessions.Where(session => peerSpaces.Contains(session.Channel.Space))];
            return sessions.Length;
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
            bool open = isCommon && !Array.Exists(sessions, session => session.Channel.Space == replica.Space);
            if (disposed || !(declare || open) || (declare && declarations == MessageFormat.ChannelsMax))
                return false;
            if (declare)
                undeclared.Add(Declare(replica.Space));
            if (open)
                Open(replica);
            return true;
        }
    }

    /// <summary>What is to be declared in a <c>spaces</c> frame, taken once.</summary>
    public IReadOnlyList<SpaceChannel> TakeUndeclared()
    {
        lock (gate)
        {
            int count = Math.Min(undeclared.Count, MessageFormat.SpacesMax);
            SpaceChannel[] taken = [.. undeclared.Take(count)];
            undeclared.RemoveRange(0, count);
            return taken;
        }
    }

    /// <summary>The session that the peer means by its number.</summary>
    /// <returns><see langword="null"/> for a space that we do not have.</returns>
    /// <exception cref="WireException">The peer has not declared the number.</exception>
    public SpaceSession? Find(int peerNumber, string peer)
    {
        lock (gate)
        {
            if (!peerNumbers.TryGetValue(peerNumber, out SpaceId space))
            {
                throw new WireException(
                    WireError.UnknownChannel, $"{peer} sent a message on channel {peerNumber}, not declared by it.");
            }
            return Array.Find(sessions, session => session.Channel.Space == space);
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (SpaceSession session in sessions)
                session.Sync.Dispose();
        }
    }

    private SpaceChannel Declare(SpaceId space)
    {
        var channel = new SpaceChannel(declarations++, space);
        ownNumbers.Add(space, channel.Number);
        return channel;
    }

    private void Open(Replica replica)
    {
        var channel = new SpaceChannel(ownNumbers[replica.Space], replica.Space);
        Volatile.Write(ref sessions, [.. sessions, new SpaceSession(channel, new SyncSession(replica, options))]);
    }
}
