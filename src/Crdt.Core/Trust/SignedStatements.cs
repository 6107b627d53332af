namespace Crdt;

/// <summary>What the two sides of one session have told each other about who holds what, in a keyed space: a statement
/// is signed over the whole vector and travels as the difference to what the same side told before, so that its
/// receiver can build it again and verify it.</summary>
internal sealed class SignedStatements(Replica replica)
{
    private readonly Dictionary<ReplicaId, VersionVector> sent = [];
    private readonly Dictionary<ReplicaId, VersionVector> heard = [];

    private TrustTable Trust => replica.Writer.Trust;

    private FenceCaps Caps => replica.Writer.Standing.Caps;

    /// <summary>Whether the own statement is to be told, because the peer's runs have become durable here.</summary>
    public bool IsDue { get; set; }

    /// <summary>Both sides know these already: their hashes were equal.</summary>
    public void Agree(IEnumerable<Acknowledgement> known)
    {
        foreach (Acknowledgement statement in known)
            sent[statement.By] = heard[statement.By] = statement.Held;
    }

    /// <summary>Builds a statement again of the difference that was told.</summary>
    /// <returns>The whole statement; <see langword="null"/> when it is no news.</returns>
    /// <exception cref="SyncException">Its maker is not enrolled, or has not signed it.</exception>
    public Acknowledgement? Receive(Acknowledgement told)
    {
        if (Trust.Find(told.By) is not { } maker)
            throw new SyncException(SyncError.NotEnrolled, $"A statement of {told.By}, who is not enrolled.");
        VersionVector whole = heard.GetValueOrDefault(told.By, VersionVector.Empty).With(told.Held);
        heard[told.By] = whole;
        if (!replica.Writer.Acknowledgements.IsNews(told.By, whole)) return null;
        Acknowledgement statement = told with { Held = whole, Role = maker.Role };
        return Trust.Verify(statement, maker)
            ? statement
            : throw new SyncException(SyncError.BadSignature, $"{told.By} has not signed the statement that it holds {whole}.");
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
        if (tellsOwn && Trust.SignOwn(OwnStatement()) is { } own) all = all.Append(own);
        foreach (Acknowledgement statement in all)
        {
            VersionVector before = sent.GetValueOrDefault(statement.By, VersionVector.Empty);
            if (before.Equals(statement.Held) || !statement.Held.CanFollow(before)
                || !Caps.IsNews(statement.Held, heard.GetValueOrDefault(statement.By, VersionVector.Empty))) continue;
            if (Trust.FindProof(statement.By) is not { } enrolled || !isHeld(enrolled)) return null;
            news.Add(statement with { Held = statement.Held.Since(before) });
        }
        foreach (Acknowledgement statement in news)
            sent[statement.By] = sent.GetValueOrDefault(statement.By, VersionVector.Empty).With(statement.Held);
        IsDue = false;
        return news;
    }

    /// <summary>What this replica holds: in the server role as noted in its log, else as it stands.</summary>
    private Acknowledgement OwnStatement() => replica.Writer.Acknowledgements.Find(replica.Id)
        ?? new Acknowledgement(replica.Id, replica.Role, replica.Options.Time.GetUtcNow(), replica.Vector);
}
