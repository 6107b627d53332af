namespace Crdt;

/// <summary>Whether a snapshot can be believed, judged by its manifest alone and so by everybody alike: it begins at the
/// space's founding, is of a replica that may make snapshots, and in a keyed space every head in it is its author's.</summary>
internal static class SnapshotTrust
{
    /// <exception cref="ApplyException">It cannot.</exception>
    public static void Check(SnapshotManifest manifest, SpaceId space, SignatureScheme scheme)
    {
        byte[] genesis = AuthorTable.ChainNext(AuthorTable.ChainStart(manifest.Authority), manifest.Founding.Span);
        if (manifest.Space != space || SpaceId.FromBytes(genesis) != space)
            throw Fail(manifest, ApplyError.WrongSpace, $"It is of space {manifest.Space}, founded as {SpaceId.FromBytes(genesis)}");
        if (manifest.Role == ReplicaRole.Client)
            throw Fail(manifest, ApplyError.SnapshotRole, "It was made in the client role");
        var columns = new BatchColumns();
        Founding founding = ReadFounding(manifest, columns);
        if (!manifest.Heads.Any(h => h.Author == manifest.Authority && (h.Sequence > founding.Last
            || (h.Sequence == founding.Last && h.Hash.SequenceEqual(genesis)))))
            throw Fail(manifest, ApplyError.BadSnapshot, "It does not include the founding");
        if (founding.IsKeyed) CheckSignatures(manifest, founding, columns, scheme);
        else if (!manifest.Signature.IsEmpty || manifest.Members.Count > 0
            || manifest.Heads.Any(static h => h.Head.Length > AuthorTable.HashLengthBytes))
            throw Fail(manifest, ApplyError.BadSignature, "In an open space nothing is signed");
    }

    private static Founding ReadFounding(SnapshotManifest manifest, BatchColumns columns)
    {
        try
        {
            new BatchReader().Read(manifest.Founding, manifest.Authority, 1, columns);
        }
        catch (BatchFormatException e)
        {
            throw Fail(manifest, ApplyError.BadSnapshot, $"Its founding cannot be read: {e.Message}");
        }
        return Founding.Read(columns, manifest.Authority)
            ?? throw Fail(manifest, ApplyError.UnknownScheme, "Its founding names a scheme of signing without a key");
    }

    private static void CheckSignatures(
        SnapshotManifest manifest, Founding founding, BatchColumns columns, SignatureScheme scheme)
    {
        if (founding.Scheme != scheme.Name || !scheme.IsPublicKey(founding.Key.Span))
            throw Fail(manifest, ApplyError.UnknownScheme, $"The space is signed with {founding.Scheme}, and this replica knows {scheme.Name}");
        var members = manifest.Members.ToDictionary(m => m.Key, m => m.Value);
        foreach ((ReplicaId replica, Member member) in members)
        {
            foreach ((Dot dot, Enrolment enrolment) in member.Enrolments)
            {
                if ((enrolment.Replica == founding.Authority) == (replica == founding.Authority)
                    && IsCertified(manifest, founding, columns, scheme, dot, enrolment)) continue;
                throw Fail(manifest, ApplyError.NotEnrolled, $"Nothing that the authority certified enrols {replica} at {dot}");
            }
        }
        Enrolment maker = Find(manifest, members, manifest.Maker);
        if (maker.Role != manifest.Role)
            throw Fail(manifest, ApplyError.SnapshotRole, $"It is made in the role {manifest.Role}, and its maker is enrolled as {maker.Role}");
        byte[] signed = SignedBytes.OfSnapshot(manifest.Space, manifest.Maker, manifest.SignedBytes.Span);
        if (!scheme.Verify(maker.PublicKey.Span, signed, manifest.Signature.Span))
            throw Fail(manifest, ApplyError.BadSignature, "It is not signed with the key that its maker is enrolled with");
        foreach (SnapshotHead head in manifest.Heads)
        {
            // The founding itself needs no signature: the space's id binds it.
            if (head.Author == manifest.Authority && head.Sequence == founding.Last) continue;
            Enrolment author = Find(manifest, members, head.Author);
            byte[] chained = SignedBytes.OfHead(manifest.Space, head.Author, head.Sequence, head.Hash);
            if (!scheme.Verify(author.PublicKey.Span, chained, head.Head.Span[AuthorTable.HashLengthBytes..]))
                throw Fail(manifest, ApplyError.BadSignature, $"The head of {head.Author} is not signed with the key that it is enrolled with");
        }
    }

    private static bool IsCertified(
        SnapshotManifest manifest, Founding founding, BatchColumns columns, SignatureScheme scheme, Dot dot, Enrolment enrolment)
    {
        if (enrolment.Replica == founding.Authority)
            return enrolment.Role == ReplicaRole.Authority && enrolment.PublicKey.Span.SequenceEqual(founding.Key.Span);
        if (dot.Replica != founding.Authority || dot.Sequence > founding.Last)
            return scheme.IsPublicKey(enrolment.PublicKey.Span) && enrolment.IsCertifiedBy(scheme, founding.Key.Span, manifest.Space);
        // What stands in the founding is the authority's word without a certificate.
        return EnrolmentFields.Read(columns, (int)dot.Sequence - 1) is { } founder && founder.Replica == enrolment.Replica
            && founder.Role == enrolment.Role && founder.PublicKey.Span.SequenceEqual(enrolment.PublicKey.Span);
    }

    private static Enrolment Find(SnapshotManifest manifest, Dictionary<ReplicaId, Member> members, ReplicaId replica) =>
        members.TryGetValue(replica, out Member? member)
            ? member.Current.Enrolment
            : throw Fail(manifest, ApplyError.NotEnrolled, $"{replica} is not enrolled");

    private static ApplyException Fail(SnapshotManifest manifest, ApplyError error, string message) =>
        new(error, manifest.Maker, 0, $"The snapshot of {manifest.Maker} cannot be believed: {message}");
}
