using System.Buffers;
using System.Security.Cryptography;
using MessagePack;

namespace Crdt;

/// <summary>A proof as bytes: docs/proof-format.md.</summary>
internal static class ProofFormat
{
    public const string Magic = "crdt-proof";
    public const int Version = 1;

    public static byte[] Write(
        SpaceId space, string scheme, Founding founding, ReadOnlyMemory<byte> genesis, EntityKey key, VersionVector missing,
        IReadOnlyList<(Enrolment Enrolment, List<ProofRun> Runs)> authors)
    {
        var buffer = new ArrayBufferWriter<byte>(4_096);
        var writer = new MessagePackWriter(buffer);
        writer.Write(Magic);
        writer.Write(Version);
        writer.WriteBinHeader(SpaceId.LengthBytes);
        space.WriteBytes(writer.GetSpan(SpaceId.LengthBytes));
        writer.Advance(SpaceId.LengthBytes);
        writer.Write(scheme);
        AcknowledgementCodec.WriteReplica(ref writer, founding.Authority);
        writer.Write(founding.Key.Span);
        writer.Write(genesis.Span);
        writer.Write(key.Domain);
        writer.Write(key.Type);
        writer.Write(key.Id);
        AcknowledgementCodec.WriteVector(ref writer, missing);
        writer.WriteArrayHeader(authors.Count);
        foreach ((Enrolment enrolment, List<ProofRun> runs) in authors)
        {
            AcknowledgementCodec.WriteReplica(ref writer, enrolment.Replica);
            writer.Write((int)enrolment.Role);
            writer.Write(enrolment.Owner ?? "");
            writer.Write(enrolment.PublicKey.Span);
            writer.Write(enrolment.Certificate.Span);
            writer.WriteArrayHeader(runs.Count);
            foreach (ProofRun run in runs) Write(ref writer, run);
        }
        writer.Flush();
        writer.Write(SHA256.HashData(buffer.WrittenSpan));
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public static (List<(Enrolment Enrolment, List<ProofRun> Runs)> Authors, VersionVector Missing) ReadAuthors(ref CanonicalReader reader)
    {
        VersionVector missing = AcknowledgementCodec.ReadVector(ref reader);
        var authors = new List<(Enrolment, List<ProofRun>)>();
        for (int a = reader.ReadArrayHeader("The authors"); a > 0; a--)
        {
            ReplicaId replica = AcknowledgementCodec.ReadReplica(ref reader);
            var role = (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role");
            string owner = System.Text.Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.NameLengthBytesMax, "An owner's name"));
            var enrolment = new Enrolment(replica, reader.ReadMemory(SignatureScheme.PublicKeyLengthBytesMax, "A public key"), role,
                owner.Length == 0 ? null : owner, reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A certificate"));
            var runs = new List<ProofRun>();
            for (int r = reader.ReadArrayHeader("The runs"); r > 0; r--) runs.Add(ReadRun(ref reader));
            authors.Add((enrolment, runs));
        }
        return (authors, missing);
    }

    private static void Write(ref MessagePackWriter writer, ProofRun run)
    {
        AcknowledgementCodec.WriteReplica(ref writer, run.Author);
        writer.Write(run.First);
        writer.Write(run.Before.Span[..AuthorTable.HashLengthBytes]);
        writer.Write(run.Before.Span[AuthorTable.HashLengthBytes..]);
        writer.Write(run.Last);
        writer.Write(run.Signature.Span);
        writer.WriteArrayHeader(run.Batches.Count);
        foreach (ProofBatch batch in run.Batches)
        {
            writer.Write(batch.Count);
            writer.Write(batch.Whole.IsEmpty ? batch.Hash.Span : batch.Whole.Span);
            writer.Write(!batch.Whole.IsEmpty);
        }
    }

    private static ProofRun ReadRun(ref CanonicalReader reader)
    {
        ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
        long first = reader.ReadSequence();
        ReadOnlySpan<byte> hash = reader.ReadBytes(AuthorTable.HashLengthBytes, "A hash");
        if (hash.Length != AuthorTable.HashLengthBytes) throw reader.Fail(BatchError.OutOfRange, "A hash is too short");
        byte[] before = [.. hash, .. reader.ReadBytes(SignatureScheme.SignatureLengthBytesMax, "A signature")];
        long last = reader.ReadSequence();
        ReadOnlyMemory<byte> signature = reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A signature");
        int count = reader.ReadArrayHeader("The batches");
        var batches = new List<ProofBatch>();
        for (; count > 0; count--)
        {
            long mutations = reader.ReadSequence();
            ReadOnlyMemory<byte> bytes = reader.ReadMemory(FormatLimits.BatchLengthBytesMax, "A batch");
            batches.Add(reader.ReadBoolean()
                ? new ProofBatch(bytes, SHA256.HashData(bytes.Span), mutations) : new ProofBatch(default, bytes, mutations));
            if (batches[^1].Hash.Length != AuthorTable.HashLengthBytes) throw reader.Fail(BatchError.OutOfRange, "A hash is too short");
        }
        return new ProofRun(author, first, before, last, signature, batches);
    }
}
