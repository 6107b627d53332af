using System.Security.Cryptography;

namespace Crdt.Testing.Simulation;

/// <summary>Content of an attachment, as its number and length give it, and what a field says of it.</summary>
internal sealed record SimulatedContent(byte[] Bytes, Blob Blob)
{
    /// <summary>Draws it. What has an odd number is a film.</summary>
    public static SimulatedContent Draw(ulong content, int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        new SimulationRandom(content).Fill(bytes);
        var tree = new BlobTree(lengthBytes);
        var builder = new BlobTreeBuilder();
        for (int chunk = 0; chunk < tree.Chunks; chunk++)
            builder.Add(BlobTree.HashLeaf(bytes.AsSpan((int)BlobTree.Offset(chunk), tree.LengthOf(chunk))));
        return new SimulatedContent(bytes, new Blob(tree.RootOf(builder.Finish()), BlobHash.FromBytes(SHA256.HashData(bytes)), lengthBytes,
            (content & 1) == 0 ? "image/jpeg" : "video/mp4", $"{content:x4}"));
    }
}
