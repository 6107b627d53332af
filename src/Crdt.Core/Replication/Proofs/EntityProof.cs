using System.Security.Cryptography;
using MessagePack;

namespace Crdt;

/// <summary>The history of one entity with everything that it takes to believe it: who wrote what, signed by the keys that the
/// space's authority has certified. Checked without any replica; docs/proof-format.md describes the file, and
/// docs/verify-proof.mjs checks it in another language.</summary>
/// <remarks>It proves that what it shows was written by whom it names. It cannot prove that nothing was left out.</remarks>
public sealed class EntityProof
{
    private EntityProof(
        SpaceId space, ReadOnlyMemory<byte> authorityKey, EntityKey key, VersionVector missing,
        IReadOnlyList<(Mutation, Enrolment)> mutations) =>
        (Space, AuthorityKey, Key, Missing, Mutations) = (space, authorityKey, key, missing, mutations);

    /// <summary>The space.</summary>
    public SpaceId Space { get; }

    /// <summary>The public key of its authority, by which everything else is believed.</summary>
    public ReadOnlyMemory<byte> AuthorityKey { get; }

    /// <summary>The entity.</summary>
    public EntityKey Key { get; }

    /// <summary>Up to which sequence of each author a snapshot stood in the place of the log: what of that was about the
    /// entity is not in the proof. Empty where the whole log was there.</summary>
    public VersionVector Missing { get; }

    /// <summary>Every mutation of the entity, and by which enrolment its author signed; in order of their times.</summary>
    public IReadOnlyList<(Mutation Mutation, Enrolment By)> Mutations { get; }

    /// <summary>Checks a proof.</summary>
    /// <param name="proof">The file.</param>
    /// <param name="trusted">What is trusted: the id of the space, or the public key of its authority.</param>
    /// <param name="scheme">The scheme of signing; <see cref="EcdsaSignatures"/> when <see langword="null"/>.</param>
    /// <exception cref="ProofException">It does not hold, or is no proof.</exception>
    public static EntityProof Verify(ReadOnlyMemory<byte> proof, ReadOnlySpan<byte> trusted, SignatureScheme? scheme = null)
    {
        try
        {
            return Read(proof, trusted, scheme ?? EcdsaSignatures.Instance);
        }
        catch (Exception e) when (e is BatchFormatException or EndOfStreamException or MessagePackSerializationException
            or OverflowException or ArgumentException)
        {
            throw new ProofException(ProofError.NotAProof, $"The proof cannot be read: {e.Message}", e);
        }
    }

    private static EntityProof Read(ReadOnlyMemory<byte> proof, ReadOnlySpan<byte> trusted, SignatureScheme scheme)
    {
        int content = proof.Length - SHA256.HashSizeInBytes - 2;
        // The trailer is a binary of 32 bytes.
        if (content < 0 || proof.Span[content] != 0xc4 || proof.Span[content + 1] != SHA256.HashSizeInBytes
            || !SHA256.HashData(proof.Span[..content]).AsSpan().SequenceEqual(proof.Span[(content + 2)..]))
            throw new ProofException(ProofError.NotAProof, "The file is no proof, or was damaged.");
        var reader = new CanonicalReader(proof[..content]);
        if (!reader.ReadUtf8(FormatLimits.NameLengthBytesMax, "The file's kind").SequenceEqual("crdt-proof"u8)
            || reader.ReadInt32(int.MaxValue, "The version") != ProofFormat.Version)
            throw new ProofException(ProofError.NotAProof, "The file is no proof, or one of a later format.");
        ReadOnlyMemory<byte> space = reader.ReadMemory(SpaceId.LengthBytes, "A space");
        string name = System.Text.Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.NameLengthBytesMax, "A scheme"));
        ReplicaId authority = AcknowledgementCodec.ReadReplica(ref reader);
        ReadOnlyMemory<byte> key = reader.ReadMemory(SignatureScheme.PublicKeyLengthBytesMax, "A key");
        ReadOnlyMemory<byte> genesis = reader.ReadMemory(FormatLimits.BatchLengthBytesMax, "The founding");
        string Name(ref CanonicalReader r, string what) => System.Text.Encoding.UTF8.GetString(r.ReadName(what));
        var entity = new EntityKey(Name(ref reader, "A domain"), Name(ref reader, "A type"), Name(ref reader, "An id"));
        (List<(Enrolment Enrolment, List<ProofRun> Runs)> authors, VersionVector missing) = ProofFormat.ReadAuthors(ref reader);
        if (reader.Remaining != 0) throw reader.Fail(BatchError.Trailing, "There is more behind the authors");

        var columns = new BatchColumns();
        new BatchReader().Read(genesis, authority, 1, columns);
        if (name != scheme.Name || !AuthorTable.ChainNext(AuthorTable.ChainStart(authority), genesis.Span).AsSpan().SequenceEqual(space.Span)
            || Founding.Read(columns, authority) is not { IsKeyed: true } founding || !founding.Key.Span.SequenceEqual(key.Span)
            || !(trusted.SequenceEqual(space.Span) || trusted.SequenceEqual(key.Span)))
            throw new ProofException(ProofError.OtherAuthority, "The proof is not of the space, or of the authority, that is trusted.");
        SpaceId id = SpaceId.FromBytes(space.Span);
        Enrolment[] founded = [.. Enumerable.Range(0, columns.MutationCount).Select(m => EnrolmentFields.Read(columns, m)).OfType<Enrolment>()];
        var mutations = new List<(Mutation, Enrolment)>();
        foreach ((Enrolment enrolment, List<ProofRun> runs) in authors)
        {
            bool isAuthority = enrolment.Replica == authority && enrolment.PublicKey.Span.SequenceEqual(key.Span) && enrolment.Role == ReplicaRole.Authority;
            bool isFounded = founded.Any(f => f.Replica == enrolment.Replica && f.Role == enrolment.Role && f.Owner == enrolment.Owner
                && f.PublicKey.Span.SequenceEqual(enrolment.PublicKey.Span));
            if (!isAuthority && !isFounded && !enrolment.IsCertifiedBy(scheme, key.Span, id))
                throw new ProofException(ProofError.NotCertified, $"The key of {enrolment.Replica} is not certified by the authority.");
            foreach (ProofRun run in runs)
            {
                CheckChain(run, enrolment, id, scheme);
                Take(run, enrolment, entity, mutations);
            }
        }
        if (mutations.Count == 0) throw new ProofException(ProofError.NothingWritten, $"The proof shows nothing of {entity}.");
        return new EntityProof(id, key, entity, missing, [.. mutations.OrderBy(m => m.Item1.Timestamp).ThenBy(m => m.Item1.Dot.Replica)]);
    }

    private static void CheckChain(ProofRun run, Enrolment enrolment, SpaceId space, SignatureScheme scheme)
    {
        byte[] hash = run.Before[..AuthorTable.HashLengthBytes].ToArray();
        bool begins = run.First == 1
            ? hash.AsSpan().SequenceEqual(AuthorTable.ChainStart(run.Author)) && run.Before.Length == AuthorTable.HashLengthBytes
            : scheme.Verify(enrolment.PublicKey.Span, SignedBytes.OfHead(space, run.Author, run.First - 1, hash), run.Before.Span[AuthorTable.HashLengthBytes..]);
        foreach (ProofBatch batch in run.Batches) hash = SHA256.HashData([.. hash, .. batch.Hash.Span]);
        bool ends = run.Batches.Sum(b => b.Count) == run.Last - run.First + 1
            && scheme.Verify(enrolment.PublicKey.Span, SignedBytes.OfHead(space, run.Author, run.Last, hash), run.Signature.Span);
        if (!begins || !ends)
            throw new ProofException(ProofError.BadSignature, $"Mutations {run.First} to {run.Last} of {run.Author} are not what it has signed.");
    }

    private static void Take(ProofRun run, Enrolment enrolment, EntityKey entity, List<(Mutation, Enrolment)> mutations)
    {
        long first = run.First;
        var columns = new BatchColumns();
        foreach (ProofBatch batch in run.Batches)
        {
            if (!batch.Whole.IsEmpty)
            {
                new BatchReader().Read(batch.Whole, run.Author, first, columns);
                int before = mutations.Count;
                for (int m = 0; m < columns.MutationCount; m++)
                {
                    if (columns.Entities[columns.Mutations[m].Entity] == entity)
                        mutations.Add((columns.ToMutation(m, run.Author, first), enrolment));
                }
                if (columns.MutationCount != batch.Count || mutations.Count == before
                    || (columns.Role != enrolment.Role && columns.Role != ReplicaRole.Client))
                    throw new ProofException(ProofError.BadBatch, $"A batch of {run.Author} at {first} is not about {entity}, or not in its author's role.");
            }
            first += batch.Count;
        }
    }
}
