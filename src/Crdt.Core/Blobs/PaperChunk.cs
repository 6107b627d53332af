using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>A chunk of a blob as it stands in a bundle: an array of -1, which no other message begins with, root, size, number of
/// the chunk, its bytes, and the hashes of its proof.</summary>
/// <param name="Root">The blob's.</param>
/// <param name="Size">The blob's, in bytes.</param>
/// <param name="Chunk">Which chunk.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="Proof">The hashes that prove it.</param>
internal sealed record PaperChunk(BlobHash Root, long Size, int Chunk, ReadOnlyMemory<byte> Content, BlobHash[] Proof)
{
    private const int Kind = -1;
    private const int FixedElements = 5;

    public void Write(IBufferWriter<byte> output)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(FixedElements + Proof.Length);
        writer.Write(Kind);
        BlobMessages.Write(ref writer, Root);
        writer.Write(Size);
        writer.Write(Chunk);
        writer.Write(Content.Span);
        foreach (BlobHash hash in Proof) BlobMessages.Write(ref writer, hash);
        writer.Flush();
    }

    /// <returns><see langword="null"/> when it is another message.</returns>
    /// <exception cref="SyncException">It begins as a chunk and is none.</exception>
    public static PaperChunk? Read(ReadOnlyMemory<byte> payload)
    {
        try
        {
            var reader = new MessagePackReader(payload);
            int count = reader.NextMessagePackType == MessagePackType.Array ? reader.ReadArrayHeader() : 0;
            if (count == 0 || reader.NextMessagePackType != MessagePackType.Integer || reader.ReadInt64() != Kind) return null;
            if (count is < FixedElements or > FixedElements + BlobTree.ProofHashesMax) throw BlobMessages.Bad("a chunk in a bundle has other parts");
            BlobHash root = BlobMessages.ReadHash(ref reader);
            (long size, int chunk) = (reader.ReadInt64(), reader.ReadInt32());
            ReadOnlySequence<byte>? content = reader.ReadBytes();
            if (size is < 1 or > Blob.SizeMax || chunk < 0 || chunk >= new BlobTree(size).Chunks || content?.Length != new BlobTree(size).LengthOf(chunk))
                throw BlobMessages.Bad("a chunk in a bundle is of no blob");
            var proof = new BlobHash[count - FixedElements];
            for (int i = 0; i < proof.Length; i++) proof[i] = BlobMessages.ReadHash(ref reader);
            return new PaperChunk(root, size, chunk, content.Value.ToArray(), proof);
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException)
        {
            throw BlobMessages.Bad(e.Message, e);
        }
    }
}
