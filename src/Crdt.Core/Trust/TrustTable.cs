using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Crdt;

/// <summary>Who may write in a keyed space, and how that is proved. Fed by the batches in the order in which they are
/// applied; owned by the single writer, while what is published may be read by anybody.</summary>
/// <remarks>What it refuses, every replica refuses, for ever: it judges by the founding, by certificates, and by the
/// one enrolment that an author's own first mutation names, none of which can change (semantics 3.5 and 9).</remarks>
internal sealed class TrustTable(ReplicaIdentity identity, SignatureScheme scheme, NodeKey? key)
{
    private static readonly FieldPath JoinedPath = EnrolmentFields.Joined;

    private readonly Dictionary<ReplicaId, Member> members = [];
    private readonly List<(ReplicaId Replica, Member? Before)> undo = [];
    private readonly ConcurrentDictionary<ReplicaId, Member> published = new();
    private readonly Lock signing = new();
    private Acknowledgement? signed, signedCustody;
    private Founding? founding;
    private Founding? publishedFounding;

    /// <summary>A place to come back to.</summary>
    public readonly record struct Mark(int Changes, Founding? Founding);

    /// <summary>The scheme that is known here.</summary>
    public SignatureScheme Scheme => scheme;

    /// <summary>Whether the space is keyed, as applied; <see langword="false"/> until its founding has arrived.</summary>
    public bool IsKeyed => founding is { IsKeyed: true };

    /// <summary>Whether the space is keyed, as published.</summary>
    public bool IsKeyedPublished => Volatile.Read(ref publishedFounding) is { IsKeyed: true };

    /// <summary>The founding, as published; <see langword="null"/> until it has arrived.</summary>
    public Founding? PublishedFounding => Volatile.Read(ref publishedFounding);

    public Mark Position => new(undo.Count, founding);

    public void Revert(Mark mark)
    {
        for (int i = undo.Count - 1; i >= mark.Changes; i--)
        {
            (ReplicaId replica, Member? before) = undo[i];
            if (before is null) members.Remove(replica);
            else members[replica] = before;
        }
        undo.RemoveRange(mark.Changes, undo.Count - mark.Changes);
        founding = mark.Founding;
    }

    public void Publish()
    {
        foreach ((ReplicaId replica, Member? _) in undo) published[replica] = members[replica];
        undo.Clear();
        Volatile.Write(ref publishedFounding, founding);
    }

    // ---- who is enrolled, as published ----

    /// <summary>The enrolment of a replica that counts; <see langword="null"/> when it is not enrolled.</summary>
    public Enrolment? Find(ReplicaId replica) =>
        published.TryGetValue(replica, out Member? member) ? member.Current.Enrolment : null;

    /// <summary>Where a replica's enrolment was written; <see langword="null"/> when it is not enrolled.</summary>
    public Dot? FindDot(ReplicaId replica) =>
        published.TryGetValue(replica, out Member? member) ? member.Current.Dot : null;

    /// <summary>A mutation with which somebody comes to know who a replica is: its own first one, which shows that;
    /// before there is any, its enrolment. <see langword="null"/> when it is not enrolled.</summary>
    public Dot? FindProof(ReplicaId replica) => !published.TryGetValue(replica, out Member? member) ? null
        : member.Joined is null ? member.Current.Dot : new Dot(replica, 1);

    /// <summary>Everybody, in order of ids.</summary>
    public Enrolment[] All() => [.. published.OrderBy(m => m.Key).Select(m => m.Value.Current.Enrolment.For(m.Key))];

    /// <summary>Everybody with the dots by which they are enrolled and joined, for the checkpoint.</summary>
    public IEnumerable<KeyValuePair<ReplicaId, Member>> Members => members.OrderBy(m => m.Key);

    /// <summary>Whether a replica of that key is enrolled, as published.</summary>
    public bool IsKeyEnrolled(ReadOnlySpan<byte> publicKey)
    {
        foreach ((ReplicaId _, Member member) in published)
        {
            if (member.Current.Enrolment.PublicKey.Span.SequenceEqual(publicKey)) return true;
        }
        return false;
    }

    /// <summary>What this replica writes by, as published; <see langword="null"/> when it is not enrolled.</summary>
    public Enrolment? FindOwn() => Find(identity.Replica) ?? (key is null ? null : published.OrderBy(m => m.Key)
        .Select(m => m.Value.Current.Enrolment)
        .FirstOrDefault(e => e.Role == identity.Role && e.PublicKey.Span.SequenceEqual(key.PublicKey.Span)));

    /// <summary>Whether the authority of this keyed space has certified an enrolment.</summary>
    public bool IsCertified(Enrolment enrolment) => PublishedFounding is { IsKeyed: true } known
        && enrolment.Replica != known.Authority && scheme.IsPublicKey(enrolment.PublicKey.Span)
        && enrolment.IsCertifiedBy(scheme, known.Key.Span, identity.Space);

    /// <summary>Whether an enrolment would count if it were written now.</summary>
    /// <exception cref="InvalidOperationException">The space is open.</exception>
    /// <exception cref="ArgumentException">It would not.</exception>
    public void CheckCertificate(Enrolment enrolment)
    {
        if (PublishedFounding is not { IsKeyed: true })
            throw new InvalidOperationException("The space is open, or its founding has not arrived: nobody is enrolled.");
        if (IsCertified(enrolment)) return;
        throw new ArgumentException(
            $"The enrolment of {enrolment.Replica} is not certified by this space's authority.", nameof(enrolment));
    }

    // ---- whose key is not trusted any more ----

    /// <summary>Whether a node has been revoked, as published: under the id that its certificate names, or under any id of
    /// the same key.</summary>
    public bool IsRevoked(Enrolment enrolment, FenceTable fences)
    {
        foreach (ReplicaId revoked in fences.Revoked)
        {
            if (revoked == enrolment.Replica || (Find(revoked) is { } known && HaveSameKey(known, enrolment))) return true;
        }
        return false;
    }

    /// <summary>The same of a replica that need not be known.</summary>
    public bool IsRevoked(ReplicaId replica, FenceTable fences) => fences.Revoked.Contains(replica)
        || (fences.Revoked.Count > 0 && Find(replica) is { } enrolment && IsRevoked(enrolment, fences));

    /// <summary>The ids that are known of a replica's key, in order, its own among them.</summary>
    public ReplicaId[] IdsOfSameKey(ReplicaId replica) => Find(replica) is not { } enrolment ? [replica]
        : [.. published.Where(m => HaveSameKey(m.Value.Current.Enrolment, enrolment)).Select(m => m.Key).Order()];

    /// <summary>Whether a replica has the key that this one writes with, also where this one has not begun yet.</summary>
    public bool IsOfOwnKey(ReplicaId replica) => Own is { } own && Find(replica) is { } other && HaveSameKey(own, other);

    /// <summary>Who is known and not trusted any more, and has no fence yet; in order of ids.</summary>
    public ReplicaId[] RevokedWithoutFence(FenceTable fences) =>
        [.. published.Where(m => fences.Of(m.Key) is null && IsRevoked(m.Value.Current.Enrolment, fences)).Select(m => m.Key).Order()];

    /// <summary>Whether an id that has not written yet is enrolled for a key that is trusted: nobody else's beginning speaks
    /// against it.</summary>
    public bool IsAwaited(ReplicaId replica, FenceTable fences) => members.TryGetValue(replica, out Member? member)
        && member.Joined is null && member.Enrolments.Any(e => !IsRevoked(e.Enrolment, fences));

    /// <summary>How many are known, as published.</summary>
    public int Count => published.Count;

    private static bool HaveSameKey(Enrolment a, Enrolment b) => a.PublicKey.Span.SequenceEqual(b.PublicKey.Span);

    // ---- what others wrote ----

    /// <summary>Verifies a run's head where its author's key is known, beside the writer's turn.</summary>
    /// <returns>The run, noted as verified.</returns>
    /// <exception cref="ApplyException">The signature does not hold.</exception>
    public BatchRun Verify(BatchRun run)
    {
        if (published.TryGetValue(run.Author, out Member? member) && member.Joined is not null)
            VerifyHead(run, member.Current.Enrolment.PublicKey);
        // Only what this replica signed can speak against it: not anybody's word that its id is in use twice.
        else if (run.Author == identity.Replica && key is not null) VerifyHead(run, key.PublicKey);
        else return run;
        return run with { IsVerified = true };
    }

    /// <summary>Whether an author signed a head: with the key that it joined with; where it has not joined here, with one that the
    /// authority certified for it, as is known here or as the beginning of its log shows.</summary>
    /// <param name="head">The head.</param>
    /// <param name="beginning">The first batch of its log; empty where that is not at hand.</param>
    public bool IsSigned(in ChainHead head, ReadOnlyMemory<byte> beginning)
    {
        byte[] signed = SignedBytes.OfHead(identity.Space, head.Author, head.Sequence, head.Hash.Span);
        foreach (ReadOnlyMemory<byte> candidate in KeysOf(head.Author, beginning))
        {
            if (scheme.Verify(candidate.Span, signed, head.Signature.Span)) return true;
        }
        return false;
    }

    private IEnumerable<ReadOnlyMemory<byte>> KeysOf(ReplicaId author, ReadOnlyMemory<byte> beginning)
    {
        bool isKnown = published.TryGetValue(author, out Member? member);
        if (isKnown && member!.Joined is not null) return [member.Current.Enrolment.PublicKey];
        // Only what this replica signed can speak against it: not anybody's word that its id is in use twice.
        if (author == identity.Replica && key is not null) return [key.PublicKey];
        IEnumerable<ReadOnlyMemory<byte>> certified = isKnown ? member!.Enrolments.Select(static e => e.Enrolment.PublicKey) : [];
        return beginning.IsEmpty || ShownBy(author, beginning) is not { } shown ? certified : certified.Append(shown.PublicKey);
    }

    /// <summary>The enrolment that the first batch of a log shows, as far as it can be judged here.</summary>
    private Enrolment? ShownBy(ReplicaId author, ReadOnlyMemory<byte> beginning)
    {
        var columns = new BatchColumns();
        try
        {
            new BatchReader().Read(beginning, author, 1, columns);
        }
        catch (BatchFormatException)
        {
            return null;
        }
        return ReadJoin(columns) is { } join ? Prove(join, published) : null;
    }

    /// <summary>Whether a statement about what somebody holds, and of which logs, is signed by its maker.</summary>
    public bool VerifyCustody(Acknowledgement statement, Enrolment maker) => statement.Holding.IsTagged && scheme.Verify(
        maker.PublicKey.Span, SignedBytes.OfCustody(identity.Space, statement.By, statement.Time, statement.Holding), statement.Signature.Span);

    /// <summary>Whether a statement about what somebody had seen is signed by its maker.</summary>
    public bool Verify(Acknowledgement statement, Enrolment maker) => scheme.Verify(maker.PublicKey.Span,
        SignedBytes.OfStatement(identity.Space, statement.By, statement.Time, statement.Held), statement.Signature.Span);

    /// <summary>Judges a batch of somebody else's run, and takes note of whom it enrols.</summary>
    /// <param name="run">The run, whose chain holds.</param>
    /// <param name="columns">The batch.</param>
    /// <param name="first">Its first sequence.</param>
    /// <param name="fences">The fences in force.</param>
    public void Admit(BatchRun run, BatchColumns columns, long first, FenceTable fences)
    {
        if (founding is null) Found(run, columns);
        if (!IsKeyed)
        {
            if (run.Head.Length == AuthorTable.HashLengthBytes) return;
            throw Fail(ApplyError.BadSignature, run, run.LastSequence, "In an open space a head has no signature");
        }
        Enrolment enrolment = first == 1 && run.Author != founding.Authority
            ? CheckJoin(run, columns)
            : members[run.Author].Current.Enrolment;
        if (columns.Role != enrolment.Role && columns.Role != ReplicaRole.Client)
        {
            throw Fail(ApplyError.WrongRole, run, first,
                $"A batch in the role {columns.Role}, and its author is enrolled as {enrolment.Role}");
        }
        if (first == run.FirstSequence && !run.IsVerified) VerifyHead(run, enrolment.PublicKey);
        if (fences.Of(run.Author) is null && IsRevoked(enrolment, fences))
            throw Fail(ApplyError.KeyRevoked, run, first, "The author's key has been revoked, and nothing says up to where this log counts");
        Record(columns, run.Author, first);
    }

    /// <summary>Takes note of whom a batch enrols, and of its author's joining: of batches that were judged before, and
    /// of the replica's own.</summary>
    public void Record(BatchColumns columns, ReplicaId author, long first)
    {
        if (founding is null)
        {
            founding = Founding.Read(columns, author)
                ?? throw new InvalidOperationException("The genesis batch names a scheme of signing without a key.");
            if (IsKeyed) CheckScheme(founding);
            AddFounder();
        }
        if (!IsKeyed) return;
        if (first == 1 && ReadJoin(columns) is { } join && Prove(join, members) is { } shown)
            Set(author, (members.GetValueOrDefault(author) ?? new Member([], null)).JoinedBy(join.Dot, shown));
        if (columns.Role == ReplicaRole.Client) return;
        bool isFounding = IsOfFounding(new Dot(author, first));
        for (int m = 0; m < columns.MutationCount; m++)
        {
            if (EnrolmentFields.Read(columns, m) is not { } enrolment || !IsValid(enrolment, isFounding)) continue;
            Member before = members.GetValueOrDefault(enrolment.Replica) ?? new Member([], null);
            Set(enrolment.Replica, before.With(new Dot(author, first + m), enrolment));
        }
    }

    /// <summary>Takes over what a checkpoint holds.</summary>
    /// <exception cref="InvalidOperationException">The space is signed under another scheme than the one given.</exception>
    public void Restore(Founding? kept, IEnumerable<KeyValuePair<ReplicaId, Member>> all)
    {
        founding = kept;
        if (kept is { IsKeyed: true }) CheckScheme(kept);
        foreach ((ReplicaId replica, Member member) in all) Set(replica, member);
    }

    // ---- what this replica writes ----

    /// <summary>Why this replica cannot write now; <see langword="null"/> when it can.</summary>
    public string? ReasonNotToWrite
    {
        get
        {
            if (!IsKeyed) return null;
            if (OwnEnrolment is not { } own)
                return $"Replica {identity.Replica} is not enrolled in this space, or its enrolment has not arrived: it can receive and not write.";
            Enrolment enrolment = own.Enrolment;
            if (enrolment.Role != identity.Role)
                return $"The replica is opened in the role {identity.Role} and enrolled as {enrolment.Role}.";
            if (key is null) return "The replica is opened without the key that it is enrolled with.";
            return key.Scheme.Name == scheme.Name && key.PublicKey.Span.SequenceEqual(enrolment.PublicKey.Span)
                ? null
                : "The replica is opened with another key than the one it is enrolled with.";
        }
    }

    /// <summary>What this replica writes by; <see langword="null"/> when it is not enrolled.</summary>
    public Enrolment? Own => IsKeyed ? OwnEnrolment?.Enrolment : null;

    /// <summary>What this replica writes by: its own enrolment; under a further id of the same node that of an earlier one.</summary>
    private (Dot Dot, Enrolment Enrolment)? OwnEnrolment
    {
        get
        {
            if (members.TryGetValue(identity.Replica, out Member? own)) return own.Current;
            foreach ((ReplicaId _, Member member) in members.OrderBy(m => m.Key))
            {
                (Dot dot, Enrolment enrolment) = member.Current;
                if (key is not null && enrolment.Role == identity.Role
                    && enrolment.PublicKey.Span.SequenceEqual(key.PublicKey.Span)) return (dot, enrolment);
            }
            return null;
        }
    }

    /// <summary>Adds the mutation with which this replica begins to write: it names its enrolment as observed, so that
    /// nobody meets the one without the other, and shows the certificate, so that nothing else is needed to judge it.</summary>
    /// <returns>The entity that it changes.</returns>
    public EntityKey AddJoin(BatchColumns own, HybridTimestamp now)
    {
        (Dot dot, Enrolment enrolment) = OwnEnrolment!.Value;
        ref BatchColumns.MutationRow row = ref own.AddMutation();
        (row.Kind, row.Timestamp, row.EndsTransaction) = (MutationKind.Update, now, true);
        row.Entity = own.Entities.GetOrAdd(enrolment.Key);
        ref BatchColumns.ChangeRow root = ref own.AddChange(BatchColumns.RootPath);
        (root.HasValue, root.Value) = (true, Value.True);
        own.AddDot(own.IndexOfOther(dot.Replica), dot.Sequence);
        ref BatchColumns.ChangeRow joined = ref own.AddChange(own.Paths.GetOrAdd(JoinedPath));
        (joined.HasValue, joined.Value) =
            (true, IsOfFounding(dot) ? Value.True : EnrolmentFields.ToProof(enrolment));
        return enrolment.Key;
    }

    /// <summary>A head as it is kept and sent: the hash, and in a keyed space the signature behind it.</summary>
    /// <exception cref="InvalidOperationException">The replica was opened without its key.</exception>
    public byte[] SealHead(long sequence, byte[] hash)
    {
        if (!IsKeyed) return hash;
        if (ReasonNotToWrite is { } reason) throw new InvalidOperationException(reason);
        return [.. hash, .. key!.Sign(SignedBytes.OfHead(identity.Space, identity.Replica, sequence, hash))];
    }

    /// <summary>Signs what this replica says that it had seen, once for each state.</summary>
    /// <returns><see langword="null"/> when it cannot sign: it is not enrolled yet, or has no key.</returns>
    public Acknowledgement? SignOwn(Acknowledgement own)
    {
        if (Signer is not { } signer) return null;
        lock (signing)
        {
            return signed is { } last && last.Held.Equals(own.Held) ? last : signed = own with
            {
                Signature = signer.Sign(SignedBytes.OfStatement(identity.Space, own.By, own.Time, own.Held)),
            };
        }
    }

    /// <summary>Signs what this replica says that it holds, and of which logs, once for each state.</summary>
    /// <returns><see langword="null"/> when it cannot sign: it is not enrolled yet, or has no key.</returns>
    public Acknowledgement? SignCustody(Acknowledgement own)
    {
        if (Signer is not { } signer) return null;
        lock (signing)
        {
            return signedCustody is { } last && last.Held.Equals(own.Held) && last.Tags.Equals(own.Tags) ? last : signedCustody = own with
            {
                Signature = signer.Sign(SignedBytes.OfCustody(identity.Space, own.By, own.Time, own.Holding)),
            };
        }
    }

    /// <summary>The own key, if it is the one that this replica is enrolled with.</summary>
    private NodeKey? Signer => key is not null && Find(identity.Replica) is { } enrolment && enrolment.Role == identity.Role
        && key.PublicKey.Span.SequenceEqual(enrolment.PublicKey.Span) ? key : null;

    /// <summary>The signature under a snapshot that this replica made; empty in an open space.</summary>
    /// <exception cref="InvalidOperationException">The replica was opened without its key.</exception>
    public byte[] SealSnapshot(ReadOnlySpan<byte> manifest)
    {
        if (PublishedFounding is not { IsKeyed: true }) return [];
        if (key is null) throw new InvalidOperationException("The replica is opened without the key that it is enrolled with.");
        return key.Sign(SignedBytes.OfSnapshot(identity.Space, identity.Replica, manifest));
    }

    /// <summary>Takes over whom a snapshot names, whose certificates were verified.</summary>
    public void TakeOver(SnapshotManifest manifest)
    {
        if (founding is null)
        {
            var columns = new BatchColumns();
            new BatchReader().Read(manifest.Founding, manifest.Authority, 1, columns);
            Record(columns, manifest.Authority, 1);
        }
        foreach ((ReplicaId replica, Member member) in manifest.Members)
        {
            Member joined = members.GetValueOrDefault(replica) ?? new Member([], null);
            foreach ((Dot dot, Enrolment enrolment) in member.Enrolments) joined = joined.With(dot, enrolment);
            Set(replica, joined with { Joined = joined.Joined ?? member.Joined });
        }
    }

    /// <summary>The signature by which a fence of this replica's is believed before its mutation has arrived.</summary>
    public byte[] SignFence(Fence fence) => IsKeyed ? key!.Sign(OfFence(fence)) : [];

    /// <summary>Whether a fence that a peer told is signed by somebody who may say so, as published.</summary>
    public bool IsSigned(Fence fence) => Find(fence.By.Replica) is { Role: not ReplicaRole.Client } enrolment
        && scheme.Verify(enrolment.PublicKey.Span, OfFence(fence), fence.Signature.Span);

    private byte[] OfFence(Fence fence) =>
        SignedBytes.OfFence(identity.Space, fence.By, fence.Replica, fence.Sequence, fence.Head.Hash.Span,
            fence.Reason == FenceReason.Revoked);

    // ---- judging ----

    [MemberNotNull(nameof(founding))]
    private void Found(BatchRun run, BatchColumns columns)
    {
        founding = Founding.Read(columns, run.Author)
            ?? throw Fail(ApplyError.UnknownScheme, run, 1, "The founding names a scheme of signing without a key, or a key without a scheme");
        if (!IsKeyed) return;
        if (founding.Scheme != scheme.Name || !scheme.IsPublicKey(founding.Key.Span))
            throw Fail(ApplyError.UnknownScheme, run, 1, $"The space is signed with {founding.Scheme}, and this replica knows {scheme.Name}");
        AddFounder();
    }

    private void AddFounder()
    {
        if (!IsKeyed) return;
        var dot = new Dot(founding!.Authority, 1);
        var enrolment = new Enrolment(founding.Authority, founding.Key, ReplicaRole.Authority);
        Set(founding.Authority, new Member([(dot, enrolment)], dot));
    }

    private Enrolment CheckJoin(BatchRun run, BatchColumns columns)
    {
        Join join = ReadJoin(columns)
            ?? throw Fail(ApplyError.EnrolmentNotNamed, run, 1, "An author's first mutation names its enrolment, and this one does not");
        return Prove(join, members)
            ?? throw Fail(ApplyError.NotEnrolled, run, 1, $"The author names {join.Dot} as its enrolment, and shows nothing that the authority certified");
    }

    /// <summary>How an author begins: whose enrolment it names, where that stands, and what it shows of it.</summary>
    private readonly record struct Join(ReplicaId Enrolled, Dot Dot, Value Proof);

    /// <summary>Reads an author's first mutation: an update of an enrolment whose root change names one dot of another.</summary>
    private static Join? ReadJoin(BatchColumns columns)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[0];
        EntityKey entity = columns.Entities[row.Entity];
        if (row.Kind != MutationKind.Update || entity.Domain != EntityKey.SpaceDomain || entity.Type != Enrolment.EntityType
            || !ReplicaId.TryParse(entity.Id, out ReplicaId enrolled) || row.ChangeEnd == 0
            || columns.Changes[0].Path != BatchColumns.RootPath || columns.Changes[0].DotEnd != 1
            || columns.DotReplica[0] == BatchColumns.Self) return null;
        var dot = new Dot(columns.Others[columns.DotReplica[0] - 1], columns.DotSequence[0]);
        return new Join(enrolled, dot, EnrolmentFields.Find(columns, 0, JoinedPath));
    }

    /// <summary>The enrolment that an author shows: what stands in the founding, which nobody lacks; or what bears the
    /// authority's certificate itself, wherever else that was written and whatever has become of it there.</summary>
    private Enrolment? Prove(Join join, IReadOnlyDictionary<ReplicaId, Member> known)
    {
        if (IsOfFounding(join.Dot)) return known.GetValueOrDefault(join.Enrolled)?.Under(join.Dot)?.Enrolment;
        return EnrolmentFields.FromProof(join.Enrolled, join.Proof) is { } shown && IsValid(shown, isFounding: false) ? shown : null;
    }

    private bool IsOfFounding(Dot dot) => dot.Replica == founding!.Authority && dot.Sequence <= founding.Last;

    private bool IsValid(Enrolment enrolment, bool isFounding) => enrolment.Replica != founding!.Authority
        && scheme.IsPublicKey(enrolment.PublicKey.Span)
        && (isFounding || enrolment.IsCertifiedBy(scheme, founding.Key.Span, identity.Space));

    private void VerifyHead(BatchRun run, ReadOnlyMemory<byte> publicKey)
    {
        ReadOnlySpan<byte> head = run.Head.Span;
        if (head.Length > AuthorTable.HashLengthBytes)
        {
            ReadOnlySpan<byte> hash = head[..AuthorTable.HashLengthBytes];
            byte[] signed = SignedBytes.OfHead(identity.Space, run.Author, run.LastSequence, hash);
            if (scheme.Verify(publicKey.Span, signed, head[AuthorTable.HashLengthBytes..])) return;
        }
        throw Fail(ApplyError.BadSignature, run, run.LastSequence, "The head is not signed with the key that its author is enrolled with");
    }

    private void CheckScheme(Founding kept)
    {
        if (kept.Scheme == scheme.Name) return;
        throw new InvalidOperationException($"The space is signed with {kept.Scheme}; the replica was opened with {scheme.Name}.");
    }

    private void Set(ReplicaId replica, Member member)
    {
        undo.Add((replica, members.GetValueOrDefault(replica)));
        members[replica] = member;
    }

    private static ApplyException Fail(ApplyError error, BatchRun run, long sequence, string message) =>
        new(error, run.Author, sequence, message);
}
