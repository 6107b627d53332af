using System.Buffers;
using System.Buffers.Binary;
using MessagePack;

namespace Crdt;

/// <summary>Messages as MessagePack: a kind, then its parts. An author is told by its id once per direction, then by
/// a small index; so each direction has a codec of its own.</summary>
internal sealed class SyncMessageCodec
{
    private const int Have = 1, Heads = 2, Run = 3, Ack = 4, Statements = 5, Snapshot = 6, Chunk = 7, Ranges = 8, Fences = 9, Wanted = 10,
        Chain = 11, Aside = 12, Standing = 13, Ask = 14, Tree = 15, Holds = 16, Sums = 17, HeadsOfParts = 18;

    // Of 'tree'.
    private const int IsParent = 1, IsGraft = 2;

    // Of 'have', which all sessions cost: everything but the role in one binary.
    private const int TimeLengthBytes = 6;
    private const int HaveLengthBytes =
        ReplicaId.LengthBytes + TimeLengthBytes + HaveMessage.HeadsHashLengthBytes + HaveMessage.StatementsHashLengthBytes;

    private readonly List<ReplicaId> authors = [];
    private readonly Dictionary<ReplicaId, int> indexes = [];

    public void Write(IBufferWriter<byte> output, SyncMessage message)
    {
        var writer = new MessagePackWriter(output);
        switch (message)
        {
            case HaveMessage have:
                writer.Write(Have);
                WriteHave(ref writer, have);
                break;
            case HeadsMessage heads:
                writer.Write(heads.Parts is null ? Heads : HeadsOfParts);
                WriteHeads(ref writer, heads);
                break;
            case RunMessage run:
                writer.Write(Run);
                WriteRun(ref writer, run.Run);
                break;
            case AckMessage ack:
                writer.Write(Ack);
                AcknowledgementCodec.WriteTime(ref writer, ack.Time);
                AcknowledgementCodec.WriteVector(ref writer, ack.Held);
                writer.Write(ack.CreditBytes);
                break;
            case StatementsMessage statements:
                writer.Write(Statements);
                WriteStatements(ref writer, statements.Statements);
                break;
            case RangesMessage ranges:
                writer.Write(Ranges);
                RangeSummaryCodec.Write(ref writer, ranges);
                break;
            case SnapshotMessage snapshot:
                writer.Write(Snapshot);
                writer.Write(snapshot.Manifest.Span);
                break;
            case ChunkMessage chunk:
                writer.Write(Chunk);
                writer.Write(chunk.Chunk.Span);
                break;
            case WantedMessage wanted:
                writer.Write(Wanted);
                writer.Write(wanted.Next);
                break;
            case FencesMessage fences:
                writer.Write(Fences);
                ForkCodec.Write(ref writer, fences);
                break;
            case ChainMessage chain:
                writer.Write(Chain);
                ForkCodec.Write(ref writer, chain);
                break;
            case AsideMessage aside:
                writer.Write(Aside);
                ForkCodec.Write(ref writer, aside);
                break;
            case StandingMessage standing:
                writer.Write(Standing);
                WriteStatements(ref writer, standing.Statements);
                break;
            case AskMessage:
                writer.Write(Ask);
                break;
            case TreeMessage tree:
                writer.Write(Tree);
                writer.Write((int)tree.Place.RootRole);
                AcknowledgementCodec.WriteReplica(ref writer, tree.Place.Root);
                writer.Write(tree.Place.Distance);
                writer.Write((tree.IsParent ? IsParent : 0) | (tree.IsGraft ? IsGraft : 0));
                break;
            case SumsMessage sums:
                writer.Write(Sums);
                writer.Write(sums.Sums.Span);
                break;
            case HoldsMessage holds:
                writer.Write(Holds);
                AcknowledgementCodec.WriteTime(ref writer, holds.Time);
                AcknowledgementCodec.WriteVector(ref writer, holds.Held);
                break;
            default:
                throw new ArgumentException($"{message.GetType().Name} has no place on the wire.", nameof(message));
        }
        writer.Flush();
    }

    /// <exception cref="SyncException">The bytes are not a message.</exception>
    public SyncMessage Read(ReadOnlySequence<byte> bytes)
    {
        // Batches go from here into the log as they are: one copy out of the transport's buffer, and no other.
        var reader = new CanonicalReader(bytes.ToArray());
        try
        {
            SyncMessage message = reader.ReadInt32(HeadsOfParts, "The kind of a message") switch
            {
                Have => ReadHave(ref reader),
                Heads => ReadHeads(ref reader, isOfParts: false),
                Sums => new SumsMessage(ReadExactly(ref reader, HeadSums.LengthBytes)),
                HeadsOfParts => ReadHeads(ref reader, isOfParts: true),
                Run => new RunMessage(ReadRun(ref reader)),
                Ack => new AckMessage(AcknowledgementCodec.ReadTime(ref reader), AcknowledgementCodec.ReadVector(ref reader),
                    reader.ReadInt32(int.MaxValue, "The credit")),
                Statements => new StatementsMessage(ReadStatements(ref reader)),
                Standing => new StandingMessage(ReadStatements(ref reader, mayBeTagged: false)),
                Ranges => RangeSummaryCodec.Read(ref reader),
                Snapshot => new SnapshotMessage(reader.ReadMemory(FormatLimits.SnapshotManifestLengthBytesMax, "A manifest")),
                Chunk => new ChunkMessage(reader.ReadMemory(FormatLimits.BatchLengthBytesMax, "A chunk")),
                Wanted => new WantedMessage(reader.ReadInt32(int.MaxValue, "The place of a chunk")),
                Ask => new AskMessage(),
                Tree => ReadTree(ref reader),
                Holds => new HoldsMessage(AcknowledgementCodec.ReadTime(ref reader), AcknowledgementCodec.ReadVector(ref reader)),
                Fences => ForkCodec.ReadFences(ref reader),
                Chain => ForkCodec.ReadChain(ref reader),
                Aside => ForkCodec.ReadAside(ref reader),
                var kind => throw reader.Fail(BatchError.UnknownFormat, $"Kind {kind} of a message is not known"),
            };
            return reader.Remaining == 0 ? message : throw reader.Fail(BatchError.Trailing, "There is more behind the message");
        }
        catch (Exception e) when (e is BatchFormatException or EndOfStreamException or MessagePackSerializationException
            or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw new SyncException(SyncError.BadMessage, $"The message cannot be read: {e.Message}", e);
        }
    }

    private static TreeMessage ReadTree(ref CanonicalReader reader)
    {
        var place = new MeshPlace(
            ReadRole(ref reader), AcknowledgementCodec.ReadReplica(ref reader), reader.ReadInt32(MeshPlace.DistanceMax, "A distance"));
        int flags = reader.ReadInt32(IsParent | IsGraft, "What is asked for");
        return new TreeMessage(place, (flags & IsParent) != 0, (flags & IsGraft) != 0);
    }

    private static void WriteHeads(ref MessagePackWriter writer, HeadsMessage heads)
    {
        Span<byte> digest = stackalloc byte[16];
        if (heads.Parts is { } parts)
        {
            BinaryPrimitives.WriteUInt64BigEndian(digest, parts);
            WriteBytes(ref writer, digest[..sizeof(ulong)]);
        }
        BinaryPrimitives.WriteUInt128BigEndian(digest, heads.Digest);
        WriteBytes(ref writer, digest);
        writer.WriteArrayHeader(3 * heads.Heads.Count);
        foreach (ChainHead head in heads.Heads)
        {
            AcknowledgementCodec.WriteReplica(ref writer, head.Author);
            writer.Write(head.Sequence);
            writer.Write(head.Hash.Span[..HeadsMessage.HashPrefixLengthBytes]);
        }
    }

    private static HeadsMessage ReadHeads(ref CanonicalReader reader, bool isOfParts)
    {
        ulong? parts = isOfParts ? BinaryPrimitives.ReadUInt64BigEndian(ReadExactly(ref reader, sizeof(ulong)).Span) : null;
        UInt128 digest = BinaryPrimitives.ReadUInt128BigEndian(reader.ReadUuid("A digest"));
        int count = reader.ReadArrayHeader("The heads");
        if (count % 3 != 0) throw reader.Fail(BatchError.OutOfRange, "The heads are cut in parts");
        var heads = new List<ChainHead>(Math.Min(count / 3, 64));
        for (int i = 0; i < count; i += 3)
        {
            ReplicaId author = AcknowledgementCodec.ReadReplica(ref reader);
            long sequence = reader.ReadSequence();
            if (heads.Count > 0 && heads[^1].Author >= author)
                throw reader.Fail(BatchError.NotCanonical, "The heads are not in order");
            heads.Add(new ChainHead(author, sequence, ReadExactly(ref reader, HeadsMessage.HashPrefixLengthBytes)));
        }
        return new HeadsMessage(digest, heads, parts);
    }

    private void WriteRun(ref MessagePackWriter writer, BatchRun run)
    {
        if (!indexes.TryGetValue(run.Author, out int index)) index = indexes[run.Author] = indexes.Count;
        bool isNew = index == authors.Count;
        writer.Write(index);
        if (isNew)
        {
            AcknowledgementCodec.WriteReplica(ref writer, run.Author);
            authors.Add(run.Author);
        }
        writer.Write(run.FirstSequence);
        writer.Write(run.LastSequence - run.FirstSequence);
        writer.Write(run.Head.Span);
        writer.WriteArrayHeader(run.Batches.Count);
        foreach (ReadOnlyMemory<byte> batch in run.Batches) writer.Write(batch.Span);
    }

    private BatchRun ReadRun(ref CanonicalReader reader)
    {
        int index = reader.ReadInt32(authors.Count, "The index of an author");
        if (index == authors.Count) authors.Add(AcknowledgementCodec.ReadReplica(ref reader));
        long first = reader.ReadSequence();
        ulong more = reader.ReadUInt64();
        if (more > (ulong)(Dot.SequenceMax - first)) throw reader.Fail(BatchError.OutOfRange, "A run ends beyond all sequences");
        ReadOnlyMemory<byte> head = ReadHead(ref reader);
        return new BatchRun(authors[index], first, ReadBatches(ref reader), first + (long)more, head);
    }

    /// <summary>A head: hash, then the signature, if any.</summary>
    public static ReadOnlyMemory<byte> ReadHead(ref CanonicalReader reader)
    {
        ReadOnlyMemory<byte> head = reader.ReadMemory(AsideCodec.HeadLengthBytesMax, "A head");
        return head.Length >= AuthorTable.HashLengthBytes ? head : throw reader.Fail(BatchError.OutOfRange, "A head is too short");
    }

    /// <summary>The batches of a run, within its limits.</summary>
    public static ReadOnlyMemory<byte>[] ReadBatches(ref CanonicalReader reader)
    {
        int count = reader.ReadArrayHeader("The batches");
        if (count > FormatLimits.RunBatchesMax) throw reader.Fail(BatchError.LimitExceeded, $"A run of {count} batches");
        ReadOnlyMemory<byte>[] batches = new ReadOnlyMemory<byte>[count];
        long lengthBytes = 0;
        for (int i = 0; i < count; i++)
        {
            batches[i] = reader.ReadMemory(FormatLimits.BatchLengthBytesMax, "A batch");
            lengthBytes += batches[i].Length;
        }
        if (lengthBytes > FormatLimits.RunLengthBytesMax)
            throw reader.Fail(BatchError.LimitExceeded, $"A run of {lengthBytes} bytes");
        return batches;
    }

    private static void WriteStatements(ref MessagePackWriter writer, IReadOnlyList<Acknowledgement> statements)
    {
        writer.WriteArrayHeader(statements.Count);
        foreach (Acknowledgement statement in statements) AcknowledgementCodec.Write(ref writer, statement);
    }

    private static List<Acknowledgement> ReadStatements(ref CanonicalReader reader, bool mayBeTagged = true)
    {
        int count = reader.ReadArrayHeader("The statements");
        var statements = new List<Acknowledgement>(Math.Min(count, 64));
        for (int i = 0; i < count; i++) statements.Add(AcknowledgementCodec.Read(ref reader, mayBeRelative: true, mayBeTagged));
        return statements;
    }

    private static void WriteHave(ref MessagePackWriter writer, HaveMessage have)
    {
        writer.Write((int)have.Role);
        Span<byte> rest = stackalloc byte[HaveLengthBytes];
        have.Replica.WriteBytes(rest);
        Span<byte> time = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(time, Math.Max(0, have.Time.ToUnixTimeMilliseconds()));
        time[^TimeLengthBytes..].CopyTo(rest[ReplicaId.LengthBytes..]);
        have.HeadsHash.Span.CopyTo(rest[(ReplicaId.LengthBytes + TimeLengthBytes)..]);
        have.StatementsHash.Span.CopyTo(rest[^HaveMessage.StatementsHashLengthBytes..]);
        WriteBytes(ref writer, rest);
    }

    private static HaveMessage ReadHave(ref CanonicalReader reader)
    {
        ReplicaRole role = ReadRole(ref reader);
        ReadOnlyMemory<byte> rest = ReadExactly(ref reader, HaveLengthBytes);
        Span<byte> time = stackalloc byte[sizeof(long)];
        rest.Span.Slice(ReplicaId.LengthBytes, TimeLengthBytes).CopyTo(time[^TimeLengthBytes..]);
        return new HaveMessage(
            AcknowledgementCodec.ToReplica(ref reader, rest.Span[..ReplicaId.LengthBytes]), role,
            AcknowledgementCodec.ToTime(ref reader, BinaryPrimitives.ReadUInt64BigEndian(time)),
            rest.Slice(ReplicaId.LengthBytes + TimeLengthBytes, HaveMessage.HeadsHashLengthBytes),
            rest[^HaveMessage.StatementsHashLengthBytes..]);
    }

    private static ReplicaRole ReadRole(ref CanonicalReader reader) =>
        (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role");

    private static ReadOnlyMemory<byte> ReadExactly(ref CanonicalReader reader, int lengthBytes)
    {
        ReadOnlyMemory<byte> bytes = reader.ReadMemory(lengthBytes, "A hash");
        return bytes.Length == lengthBytes ? bytes : throw reader.Fail(BatchError.OutOfRange, "A hash is too short");
    }

    private static void WriteBytes(ref MessagePackWriter writer, scoped ReadOnlySpan<byte> bytes)
    {
        writer.WriteBinHeader(bytes.Length);
        bytes.CopyTo(writer.GetSpan(bytes.Length));
        writer.Advance(bytes.Length);
    }
}
