namespace Crdt;

/// <summary>What the two sides of one session have told each other about who holds what, in a keyed space: a statement
/// is signed over the whole vector and travels as the difference to what the same side told before, so that its
/// receiver can build it again and verify it. Each author stands in it with the beginning of its chain's hash, so that
/// whoever holds another log of the same id does not take it for its own.</summary>
internal sealed class SignedStatements(Replica replica)
{
    private readonly Dictionary<ReplicaId, Holding> sent = [];
    private readonly Dictionary<ReplicaId, Holding> heard = [];

    private TrustTable Trust => replica.Writer.Trust;

    private FenceCaps Caps => replica.Writer.Standing.Caps;

    /// <summary>Whether the own statement is to be told, because the peer's runs have become durable here.</summary>
    public bool IsDue { get; set; }

    /// <summary>The heads that both sides had when the session began, as soon as both know it: what a maker holds is mostly
    /// that.</summary>
    public Holding? Common { get; set; }

    /// <summary>Both sides know these already: their hashes were equal.</summary>
    public void Agree(IEnumerable<Acknowledgement> known)
    {
        foreach (Acknowledgement statement in known)
            sent[statement.By] = heard[statement.By] = statement.Holding;
    }

    /// <summary>Builds a statement again of the difference that was told.</summary>
    /// <returns>The whole statement; <see langword="null"/> when it is no news.</returns>
    /// <exception cref="SyncException">Its maker is not enrolled, or has not signed it, or it is the difference to what is not
    /// known.</exception>
    public Acknowledgement? Receive(Acknowledgement told)
    {
        if (Trust.Find(told.By) is not { } maker)
            throw new SyncException(SyncError.NotEnrolled, $"A statement of {told.By}, who is not enrolled.");
        if (told.IsRelative && (Common is null || heard.ContainsKey(told.By)))
        {
            throw new SyncException(SyncError.UnexpectedMessage,
                $"What {told.By} holds is told as the difference to what is not known, or not the last that was told.");
        }
        Holding before = told.IsRelative ? Common!.Value : heard.GetValueOrDefault(told.By, Holding.None);
        Holding whole = before.With(told.Holding);
        heard[told.By] = whole;
        if (!replica.Writer.Acknowledgements.IsNews(told.By, whole.Held)) return null;
        Acknowledgement statement = told.Of(whole) with { Role = maker.Role, IsRelative = false };
        if (Trust.VerifyCustody(statement, maker)) return statement;
        // Two logs of somebody may begin alike as far as heads tell: then what both sides took for common was not.
        return told.IsRelative ? null
            : throw new SyncException(SyncError.BadSignature, $"{told.By} has not signed the statement that it holds {whole.Held}.");
    }

    /// <summary>The news for the peer, as differences.</summary>
    /// <param name="others">What is known, and to be passed on.</param>
    /// <param name="peer">To whom.</param>
    /// <param name="isAsked">Whether the two sides' hashes differed, and nothing was told yet.</param>
    /// <param name="isHeld">Whether the peer holds a mutation: before it holds a maker's enrolment, it cannot judge.</param>
    /// <returns><see langword="null"/> when it is too early: the peer lacks somebody's enrolment.</returns>
    public List<Acknowledgement>? Take(
        IEnumerable<Acknowledgement> others, ReplicaId peer, bool isAsked, Func<Dot, bool> isHeld)
    {
        var news = new List<Acknowledgement>();
        IEnumerable<Acknowledgement> all = others.Where(o => o.By != replica.Id && o.By != peer);
        // What servers hold is part of the hash that both sides compare; of a device it is told when it has changed.
        bool tellsOwn = IsDue || isAsked || replica.Role != ReplicaRole.Client;
        if (tellsOwn && Trust.SignCustody(OwnStatement()) is { } own) all = all.Append(own);
        foreach (Acknowledgement statement in all)
        {
            bool isRelative = !sent.ContainsKey(statement.By) && Common is { Held.Count: > 0 } common && statement.Held.CanFollow(common.Held);
            Holding before = isRelative ? Common!.Value : sent.GetValueOrDefault(statement.By, Holding.None);
            if ((!isRelative && before.Equals(statement.Holding)) || !statement.Held.CanFollow(before.Held)
                || !Caps.IsNews(statement.Held, heard.GetValueOrDefault(statement.By, Holding.None).Held)) continue;
            if (Trust.FindProof(statement.By) is not { } enrolled || !isHeld(enrolled)) return null;
            news.Add(statement.Of(statement.Holding.Since(before)) with { IsRelative = isRelative });
        }
        foreach (Acknowledgement statement in news)
        {
            Holding before = statement.IsRelative ? Common!.Value : sent.GetValueOrDefault(statement.By, Holding.None);
            sent[statement.By] = before.With(statement.Holding);
        }
        IsDue = false;
        return news;
    }

    /// <summary>What this replica holds: up to each author's last head, which alone tells of a log. The time is that of the note in
    /// its log, where it has any.</summary>
    public Acknowledgement OwnStatement()
    {
        DateTimeOffset time = replica.Writer.Acknowledgements.Find(replica.Id)?.Time ?? replica.Options.Time.GetUtcNow();
        return new Acknowledgement(replica.Id, replica.Role, time, VersionVector.Empty).Of(Holding.Of(replica.Heads));
    }
}
