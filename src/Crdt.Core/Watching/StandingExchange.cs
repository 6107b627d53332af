namespace Crdt;

/// <summary>A session's part in letting servers know what everybody holds: tells when all else has been said, and then
/// seldom.</summary>
/// <remarks>Servers are told by everybody, and tell other servers; devices pass on to each other what they heard, so that
/// it comes from who never meets a server as well. A server tells devices nothing.</remarks>
internal sealed class StandingExchange(Replica replica)
{
    /// <summary>Of a session that stays open, the time between two tellings.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>Statements in one message: what a session costs is bounded, and what is left comes with the next one.</summary>
    private const int StatementsMax = 64;

    private readonly Dictionary<ReplicaId, VersionVector> sent = [];
    private readonly Dictionary<ReplicaId, VersionVector> heard = [];
    private DateTimeOffset? lastTold;

    /// <summary>What both sides held when the session began, as soon as both know it: what a maker holds is mostly that.</summary>
    public VersionVector? Common { get; set; }

    private StandingTable Table => replica.Writer.Standing;

    private bool IsKeyed => replica.Writer.Trust.IsKeyed;

    /// <summary>Whether there is something to tell now.</summary>
    public bool HasNews(ReplicaId peer, ReplicaRole peerRole) => IsDue && News(peer, peerRole).Any();

    private bool IsDue => lastTold is not { } last || (replica.Options.Time.GetUtcNow() - last).Duration() >= Interval;

    /// <summary>What is to be told now; <see langword="null"/> when there is nothing.</summary>
    public StandingMessage? Take(ReplicaId peer, ReplicaRole peerRole)
    {
        if (!IsDue) return null;
        var statements = new List<Acknowledgement>();
        // The own one first; it says most.
        foreach (Acknowledgement statement in News(peer, peerRole).OrderBy(s => s.By != replica.Id).Take(StatementsMax))
        {
            if (Seal(statement) is not { } whole) continue;
            bool isRelative = !sent.ContainsKey(whole.By) && Common is { Count: > 0 } && whole.Held.CanFollow(Common);
            VersionVector before = isRelative ? Common! : sent.GetValueOrDefault(whole.By, VersionVector.Empty);
            // What a fence has taken away as a whole no difference tells: the next session does.
            if (!whole.Held.CanFollow(before)) continue;
            statements.Add(whole with { Held = whole.Held.Since(before), IsRelative = isRelative });
            sent[whole.By] = whole.Held;
        }
        lastTold = replica.Options.Time.GetUtcNow();
        return statements.Count == 0 ? null : new StandingMessage(statements);
    }

    /// <summary>What the peer knows by a message, once it is sent.</summary>
    public ToldNote Note(ReplicaId peer, StandingMessage message) =>
        new(peer, [.. message.Statements.Select(s => (s.By, StandingTable.HashOf(sent[s.By])))]);

    /// <summary>Takes what the peer tells.</summary>
    /// <returns>The whole statements that are news.</returns>
    /// <exception cref="SyncException">A statement claims what cannot be, or is not its maker's.</exception>
    public List<Acknowledgement> Receive(StandingMessage message, ReplicaId peer, VersionVector own)
    {
        var news = new List<Acknowledgement>();
        foreach (Acknowledgement difference in message.Statements)
        {
            if (difference.IsRelative && (Common is null || heard.ContainsKey(difference.By)))
            {
                throw new SyncException(SyncError.UnexpectedMessage,
                    $"What {difference.By} holds is told as the difference to what is not known, or not the last that was told.");
            }
            VersionVector before = difference.IsRelative ? Common! : heard.GetValueOrDefault(difference.By, VersionVector.Empty);
            VersionVector whole = before.With(difference.Held);
            heard[difference.By] = whole;
            if (Check(difference with { Held = whole, IsRelative = false }, own) is not { } statement) continue;
            Table.NoteTold(peer, statement.By, StandingTable.HashOf(whole));
            if (statement.By != replica.Id && Table.IsNews(statement)) news.Add(statement);
        }
        return news;
    }

    private Acknowledgement? Check(Acknowledgement statement, VersionVector own)
    {
        // A replica that was restored from a backup hears of a future of its own: whoever has that will show it.
        bool isAhead = Table.Caps.Cap(statement.Held)[replica.Id] > own[replica.Id];
        if (!IsKeyed)
        {
            return isAhead ? null : statement.Signature.IsEmpty
                ? statement : throw new SyncException(SyncError.BadSignature, "In an open space a statement has no signature.");
        }
        // Who it is may never be known here: what its enrolment stands in may lie beyond a fence.
        if (replica.Writer.Trust.Find(statement.By) is not { } maker) return null;
        return replica.Writer.Trust.Verify(statement, maker)
            ? isAhead ? null : statement with { Role = maker.Role }
            : throw new SyncException(SyncError.BadSignature, $"{statement.By} has not signed the statement that it holds {statement.Held}.");
    }

    private IEnumerable<Acknowledgement> News(ReplicaId peer, ReplicaRole peerRole)
    {
        if (replica.Role != ReplicaRole.Client && peerRole == ReplicaRole.Client) return [];
        var own = new Acknowledgement(replica.Id, replica.Role, replica.Options.Time.GetUtcNow(), replica.Vector);
        return Table.Newest.Where(s => s.By != replica.Id).Append(own)
            .Where(s => s.By != peer && s.Held.Count > 0 && !Table.WasTold(peer, s));
    }

    /// <summary>The statement with its maker's signature, in a keyed space; <see langword="null"/> where this replica cannot
    /// sign its own.</summary>
    private Acknowledgement? Seal(Acknowledgement statement) =>
        IsKeyed && statement.By == replica.Id ? replica.Writer.Trust.SignOwn(statement) : statement;
}
