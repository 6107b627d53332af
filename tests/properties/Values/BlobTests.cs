using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

public class BlobTests
{
    private static readonly BlobHash Hash = BlobHash.FromBytes(SHA256.HashData("content"u8));

    /// <summary>Every chunk of a tree of any size is proved by the hashes beside its way, and by nothing else.</summary>
    [Fact]
    [Trait("Spec", "WF-12.1")]
    [Trait("Spec", "WF-12.2")]
    public void A_chunk_is_proved_by_its_own_proof_alone() => Law.Holds(Arb.From(
        (from chunks in Gen.Choose(1, 70)
         from last in Gen.Choose(1, BlobTree.ChunkLengthBytes)
         from seed in Gen.Choose(0, int.MaxValue)
         select (chunks, last, seed))),
        drawn =>
        {
            var tree = new BlobTree(((drawn.chunks - 1L) * BlobTree.ChunkLengthBytes) + drawn.last);
            Assert.Equal(drawn.chunks, tree.Chunks);
            List<BlobHash[]> levels = [[.. Enumerable.Range(0, drawn.chunks).Select(i => BlobTree.HashLeaf(BitConverter.GetBytes(i)))]];
            while (levels[^1].Length > 1)
            {
                BlobHash[] below = levels[^1];
                levels.Add([.. Enumerable.Range(0, (below.Length + 1) / 2).Select(i =>
                    (2 * i) + 1 < below.Length ? BlobTree.HashNode(below[2 * i], below[(2 * i) + 1]) : below[2 * i])]);
            }
            Assert.Equal((levels.Count, levels[1 % levels.Count].Length), (tree.Levels, tree.NodesOf(1 % levels.Count)));
            BlobHash root = tree.RootOf(levels[^1][0]);
            int chunk = drawn.seed % drawn.chunks;
            BlobHash[] proof = [.. tree.ProofOf(chunk).Select(at => levels[at.Level][at.Index])];
            Assert.True(proof.Length <= BlobTree.ProofHashesMax);
            Assert.True(tree.Verifies(root, chunk, levels[0][chunk], proof));
            Assert.False(tree.Verifies(root, chunk, Hash, proof));
            Assert.False(tree.Verifies(root, chunk, levels[0][chunk], [.. proof, Hash]));
            Assert.False(new BlobTree(tree.Size + 1).Verifies(root, chunk, levels[0][chunk], proof));
            for (int i = 0; i < proof.Length; i++)
            {
                BlobHash[] changed = [.. proof];
                changed[i] = Hash;
                Assert.False(tree.Verifies(root, chunk, levels[0][chunk], changed));
            }
            for (int other = 0; other < drawn.chunks; other++)
                Assert.Equal(other == chunk, tree.Verifies(root, other, levels[0][chunk], proof));
        });

    [Fact]
    public void The_largest_blob_has_a_proof_within_the_limit()
    {
        var tree = new BlobTree(Blob.SizeMax);
        Assert.Equal(BlobTree.ProofHashesMax, tree.ProofOf(0).Count());
        Assert.Equal(BlobTree.ProofHashesMax + 1, tree.Levels);
        Assert.Equal((0, 0), (new BlobTree(0).Chunks, new BlobTree(0).Levels));
    }

    [Fact]
    public void A_blob_is_read_again_from_its_JSON_and_anything_else_of_that_name_is_refused()
    {
        Value blob = new Blob(Hash, Hash, 7, "image/svg+xml", "a \"plan\".svg");
        Assert.Equal(blob, Value.ParseJson(blob.ToJson()));
        Assert.Equal(blob, Value.ParseJson($"[{blob.ToJson()}]").AsArray()[0]);
        Assert.Equal(ValueKind.Object, Value.ParseJson("""{"$blob":1,"a":2}""").Kind);
        foreach (string wrong in (string[])["""{"$blob":1}""", """{"$blob":{}}""", blob.ToJson().Replace("\"size\":7", "\"size\":-7", StringComparison.Ordinal),
            blob.ToJson().Replace("plan", "pl/an", StringComparison.Ordinal), blob.ToJson().Replace(Hash.ToString(), "00", StringComparison.Ordinal)])
            Assert.Throws<JsonInputException>(() => Value.ParseJson(wrong));
    }

    [Fact]
    public void A_hash_is_32_bytes_or_64_hex_digits_and_nothing_else()
    {
        Assert.True(BlobHash.TryParse(Hash.ToString(), out BlobHash same) && same == Hash && !same.IsEmpty && default(BlobHash).IsEmpty);
        foreach (string? wrong in (string?[])[null, "", "00", new('g', 64), new('0', 63)]) Assert.False(BlobHash.TryParse(wrong, out _));
        Assert.Throws<ArgumentException>(() => BlobHash.FromBytes(new byte[31]));
        Assert.Throws<ArgumentException>(() => Hash.WriteBytes(new byte[31]));
        BlobHash larger = BlobHash.FromBytes([.. Enumerable.Repeat((byte)0xff, BlobHash.LengthBytes)]);
        Assert.True(Hash < larger && larger > Hash && Hash <= larger && larger >= Hash && Hash.CompareTo(same) == 0);
    }

    [Fact]
    public async Task Content_is_read_from_any_place_in_it()
    {
        await using Team team = await Team.CreateAsync(1);
        byte[] content = [.. Enumerable.Range(0, 70_000).Select(i => (byte)(i * 7))];
        Blob blob = await team[0].Blobs.PutAsync(new MemoryStream(content), "text/plain", "");
        await using Stream stream = team[0].Blobs.OpenRead(blob);
        Assert.Equal((true, true, false, 70_000L), (stream.CanRead, stream.CanSeek, stream.CanWrite, stream.Length));
        byte[] read = new byte[10];
        foreach ((long offset, SeekOrigin origin, int at) in ((long, SeekOrigin, int)[])[(65_530, SeekOrigin.Begin, 65_530), (-20, SeekOrigin.Current, 65_520), (-10, SeekOrigin.End, 69_990)])
        {
            Assert.Equal(at, stream.Seek(offset, origin));
            stream.ReadExactly(read);
            Assert.Equal(content[at..(at + 10)], read);
        }
        Assert.Equal(0, await stream.ReadAsync(read));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Position = -1);
        Assert.Throws<NotSupportedException>(() => stream.SetLength(1));
        Assert.Throws<NotSupportedException>(() => stream.Write(read));
        Assert.True(team[0].Blobs.IsHere(blob, 0, 70_000) && team[0].Blobs.IsHere(blob, 70_000, 10) && team[0].Blobs.IsHere(blob, 65_536, long.MaxValue - 65_536));
        Blob other = new(Hash, Hash, 5, "text/plain", "");
        Assert.False(team[0].Blobs.IsHere(other, 0, 5));
        Assert.Equal(BlobError.Missing, Assert.Throws<BlobException>(() => team[0].Blobs.OpenRead(other)).Error);
        Assert.Throws<ArgumentException>(() => new Blob(Hash, Hash, 1, new string('a', 200), "a"));
    }

    [Theory]
    [InlineData("image/jpeg", "photo.jpg", true)]
    [InlineData("image/jpeg", "", true)]
    [InlineData("application/vnd.api+json", "鳥 🦅.txt", true)]
    [InlineData("image", "a", false)]
    [InlineData("image/", "a", false)]
    [InlineData("Image/jpeg", "a", false)]
    [InlineData("text/plain; charset=utf-8", "a", false)]
    [InlineData("image/jpeg", "a/b", false)]
    [InlineData("image/jpeg", "..", false)]
    [InlineData("image/jpeg", "a\u0000", false)]
    [InlineData("image/jpeg", "a\\b", false)]
    public void A_blob_has_a_media_type_and_a_name_that_is_no_path(string mediaType, string name, bool isRight)
    {
        if (isRight) Assert.Equal(name, new Blob(Hash, Hash, 1, mediaType, name).Name);
        else Assert.Throws<ArgumentException>(() => new Blob(Hash, Hash, 1, mediaType, name));
        Assert.Throws<ArgumentException>(() => new Blob(Hash, Hash, 1, "a/b", new string('n', 256)));
        Assert.Throws<ArgumentException>(() => new Blob(Hash, Hash, 1, "a/b", "\ud800"));
    }
}
