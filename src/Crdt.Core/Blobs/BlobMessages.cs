using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>The kinds of messages about blobs; the numbers are the format's.</summary>
internal enum BlobMessageKind
{
    /// <summary>Roots of which the sender wants to know what the other side holds, now and whenever that grows.</summary>
    Ask = 1,

    /// <summary>What the sender holds of one.</summary>
    Holds = 2,

    /// <summary>Chunks of one to be sent.</summary>
    Want = 3,

    /// <summary>A chunk begins: its place and its proof; the pieces follow.</summary>
    Chunk = 4,

    /// <summary>The next bytes of the chunk that has begun.</summary>
    Piece = 5,

    /// <summary>A chunk that was wanted is not here any more.</summary>
    Gone = 6,
}

/// <summary>Messages about blobs as MessagePack arrays: kind, then what it says.</summary>
internal static class BlobMessages
{
    /// <summary>Roots in one <see cref="BlobMessageKind.Ask"/>.</summary>
    public const int AsksMax = 256;

    /// <summary>Chunks in one <see cref="BlobMessageKind.Want"/>, and altogether that were not sent yet.</summary>
    public const int WantsMax = 64;

    /// <summary>Bytes in one <see cref="BlobMessageKind.Piece"/>: 16 KiB, what a mutation may have to wait for.</summary>
    public const int PieceLengthBytesMax = 16 << 10;

    public static void WriteAsk(IBufferWriter<byte> output, IReadOnlyCollection<BlobHash> roots)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(1 + roots.Count);
        writer.Write((int)BlobMessageKind.Ask);
        foreach (BlobHash root in roots) Write(ref writer, root);
        writer.Flush();
    }

    public static void WriteHolds(IBufferWriter<byte> output, BlobHash root, long size, ChunkRuns held)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(3 + (2 * held.Runs.Count));
        writer.Write((int)BlobMessageKind.Holds);
        Write(ref writer, root);
        writer.Write(size);
        int at = 0;
        foreach ((int from, int to) in held.Runs)
        {
            writer.Write(from - at);
            writer.Write(to - from);
            at = to;
        }
        writer.Flush();
    }

    public static void WriteWant(IBufferWriter<byte> output, BlobHash root, IReadOnlyCollection<int> chunks)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(2 + chunks.Count);
        writer.Write((int)BlobMessageKind.Want);
        Write(ref writer, root);
        foreach (int chunk in chunks) writer.Write(chunk);
        writer.Flush();
    }

    public static void WriteChunk(IBufferWriter<byte> output, BlobHash root, int chunk, ReadOnlySpan<BlobHash> proof)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(3 + proof.Length);
        writer.Write((int)BlobMessageKind.Chunk);
        Write(ref writer, root);
        writer.Write(chunk);
        foreach (BlobHash hash in proof) Write(ref writer, hash);
        writer.Flush();
    }

    public static void WritePiece(IBufferWriter<byte> output, ReadOnlySpan<byte> piece)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(2);
        writer.Write((int)BlobMessageKind.Piece);
        writer.Write(piece);
        writer.Flush();
    }

    public static void WriteGone(IBufferWriter<byte> output, BlobHash root, int chunk)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(3);
        writer.Write((int)BlobMessageKind.Gone);
        Write(ref writer, root);
        writer.Write(chunk);
        writer.Flush();
    }

    /// <summary>Reads what a message begins with.</summary>
    /// <returns>Its kind, and how many elements follow.</returns>
    public static (BlobMessageKind Kind, int Count) ReadKind(ref MessagePackReader reader)
    {
        int count = reader.ReadArrayHeader();
        return count >= 1 ? ((BlobMessageKind)reader.ReadInt32(), count - 1) : throw Bad("it is empty");
    }

    public static BlobHash ReadHash(ref MessagePackReader reader)
    {
        ReadOnlySequence<byte>? bytes = reader.ReadBytes();
        if (bytes?.Length != BlobHash.LengthBytes) throw Bad("a hash has 32 bytes");
        Span<byte> copy = stackalloc byte[BlobHash.LengthBytes];
        bytes.Value.CopyTo(copy);
        return BlobHash.FromBytes(copy);
    }

    public static List<BlobHash> ReadAsk(ref MessagePackReader reader, int count)
    {
        if (count > AsksMax) throw Bad($"it asks for {count} blobs; {AsksMax} are allowed");
        var roots = new List<BlobHash>(count);
        for (int i = 0; i < count; i++) roots.Add(ReadHash(ref reader));
        return roots;
    }

    public static (BlobHash Root, long Size, ChunkRuns Held) ReadHolds(ref MessagePackReader reader, int count)
    {
        if (count < 2 || count % 2 == 1 || count > 2 + (2 * ChunkRuns.Max)) throw Bad("its runs are not pairs, or too many");
        BlobHash root = ReadHash(ref reader);
        long size = reader.ReadInt64();
        if (size is < 0 or > Blob.SizeMax) throw Bad($"a blob has 0 to {Blob.SizeMax} bytes");
        int chunks = Math.Max(1, new BlobTree(size).Chunks);
        var runs = new List<(int, int)>(count / 2);
        long at = 0;
        for (int i = 2; i < count; i += 2)
        {
            (int gap, int length) = (reader.ReadInt32(), reader.ReadInt32());
            if (gap < 0 || length < 1 || at + gap + length > chunks) throw Bad("a run of chunks is none");
            runs.Add(((int)at + gap, (int)at + gap + length));
            at += gap + length;
        }
        return (root, size, new ChunkRuns(runs));
    }

    public static (BlobHash Root, List<int> Chunks) ReadWant(ref MessagePackReader reader, int count)
    {
        if (count is < 2 or > 1 + WantsMax) throw Bad($"it wants {count - 1} chunks; 1 to {WantsMax} are allowed");
        BlobHash root = ReadHash(ref reader);
        var chunks = new List<int>(count - 1);
        for (int i = 1; i < count; i++)
        {
            int chunk = reader.ReadInt32();
            chunks.Add(chunk >= 0 ? chunk : throw Bad("a chunk is counted from 0"));
        }
        return (root, chunks);
    }

    public static (BlobHash Root, int Chunk, BlobHash[] Proof) ReadChunk(ref MessagePackReader reader, int count)
    {
        if (count is < 2 or > 2 + BlobTree.ProofHashesMax) throw Bad($"a proof has at most {BlobTree.ProofHashesMax} hashes");
        BlobHash root = ReadHash(ref reader);
        int chunk = reader.ReadInt32();
        var proof = new BlobHash[count - 2];
        for (int i = 0; i < proof.Length; i++) proof[i] = ReadHash(ref reader);
        return (root, chunk, proof);
    }

    public static ReadOnlySequence<byte> ReadPiece(ref MessagePackReader reader, int count)
    {
        ReadOnlySequence<byte>? piece = count == 1 ? reader.ReadBytes() : null;
        return piece is { Length: > 0 and <= PieceLengthBytesMax } some ? some : throw Bad($"a piece has 1 to {PieceLengthBytesMax} bytes");
    }

    public static (BlobHash Root, int Chunk) ReadGone(ref MessagePackReader reader, int count) =>
        count == 2 ? (ReadHash(ref reader), reader.ReadInt32()) : throw Bad("it names one chunk");

    public static SyncException Bad(string problem, Exception? inner = null) =>
        new(SyncError.BadMessage, $"A message about blobs is malformed: {problem}.", inner);

    public static void Write(ref MessagePackWriter writer, BlobHash hash)
    {
        writer.WriteBinHeader(BlobHash.LengthBytes);
        hash.WriteBytes(writer.GetSpan(BlobHash.LengthBytes));
        writer.Advance(BlobHash.LengthBytes);
    }
}
