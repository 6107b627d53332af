using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>docs/vectors/signed.json: what exactly is signed, each also put together here by the rule's own words.</summary>
public class SignedVectorTests
{
    private static readonly SpaceId Space = SpaceId.FromBytes([.. Enumerable.Range(100, 32).Select(i => (byte)i)]);
    private static readonly byte[] Hash = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly byte[] Key = Convert.FromHexString("0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
        + "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");

    [Fact]
    public void The_vectors_are_what_the_library_signs() => Repository.Verify("signed.json", [.. Cases().Select(c => (JsonNode)new JsonObject
    {
        ["name"] = c.Name,
        ["signed"] = Convert.ToHexStringLower(c.Signed),
    })]);

    [Fact]
    [Trait("Spec", "WF-7.2")]
    [Trait("Spec", "WF-7.3")]
    [Trait("Spec", "WF-7.4")]
    public void What_is_signed_begins_with_its_own_tag_and_the_space()
    {
        byte[] space = [.. Enumerable.Range(100, 32).Select(i => (byte)i)];
        byte[] b = Convert.FromHexString("0b000000000040008000000000000002");
        byte[] owner = "Grö"u8.ToArray();
        byte[][] expected =
        [
            [.. "crdt/1 head\0"u8, .. space, .. b, 0, 0, 0, 0, 0, 0, 1, 44, .. Hash],
            [.. "crdt/1 enrolment\0"u8, .. space, .. b, 1, 4, .. owner, .. Key],
            [.. "crdt/1 enrolment\0"u8, .. space, .. b, 0, 0, .. Key],
            [.. "crdt/1 statement\0"u8, .. space, .. b, 0, 0, 0, 0, 0, 0, 0x30, 0x39, .. Convert.FromHexString("0a000000000040008000000000000001"),
                0, 0, 0, 0, 0, 0, 0, 5, .. b, 0, 0, 0, 0, 0, 0, 1, 44],
            [.. "crdt/1 custody\0"u8, .. space, .. b, 0, 0, 0, 0, 0, 0, 0x30, 0x39, .. Convert.FromHexString("0a000000000040008000000000000001"),
                0, 0, 0, 0, 0, 0, 0, 5, .. Hash[..16], .. b, 0, 0, 0, 0, 0, 0, 1, 44, .. Hash[1..17]],
        ];
        Assert.Equal(expected, Cases().Select(c => c.Signed));
    }

    private static IEnumerable<(string Name, byte[] Signed)> Cases()
    {
        var vector = VersionVector.From([new Dot(BatchCases.B, 300), new Dot(BatchCases.A, 5)]);
        yield return ("head", SignedBytes.OfHead(Space, BatchCases.B, 300, Hash));
        yield return ("certificate", SignedBytes.OfEnrolment(Space, BatchCases.B, ReplicaRole.Server, "Grö", Key));
        yield return ("certificate without an owner", SignedBytes.OfEnrolment(Space, BatchCases.B, ReplicaRole.Client, null, Key));
        yield return ("statement", SignedBytes.OfStatement(Space, BatchCases.B, DateTimeOffset.FromUnixTimeMilliseconds(12_345), vector));
        ChainTags tags = ChainTags.Of([(BatchCases.A, ChainTags.TagOf(Hash)), (BatchCases.B, ChainTags.TagOf(Hash.AsSpan(1)))]);
        yield return ("custody", SignedBytes.OfCustody(Space, BatchCases.B, DateTimeOffset.FromUnixTimeMilliseconds(12_345), new Holding(vector, tags)));
    }
}
