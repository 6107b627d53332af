using FsCheck.Fluent;

namespace Crdt.Properties;

public class IdentityTests
{
    [Fact]
    public void Replica_ids_are_ordered_as_their_bytes_in_network_order() => Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
    {
        var random = new Random(seed);
        byte[] left = new byte[16], right = new byte[16];
        random.NextBytes(left);
        left.CopyTo(right, 0);
        right[random.Next(16)] ^= (byte)(1 << random.Next(8));
        (ReplicaId a, ReplicaId b) = (ReplicaId.FromBytes(left), ReplicaId.FromBytes(right));
        Assert.Equal(Math.Sign(left.AsSpan().SequenceCompareTo(right)), Math.Sign(a.CompareTo(b)));
        Assert.Equal(a.CompareTo(b) < 0, a < b);
        byte[] back = new byte[16];
        a.WriteBytes(back);
        Assert.Equal(left, back);
        Assert.True(ReplicaId.TryParse(a.ToString(), out ReplicaId parsed));
        Assert.Equal(a, parsed);
    });

    [Fact]
    public void An_id_made_of_random_bytes_is_a_uuid_of_version_4()
    {
        byte[] ones = new byte[16];
        Array.Fill(ones, (byte)0xFF);
        Assert.Equal("ffffffff-ffff-4fff-bfff-ffffffffffff", ReplicaId.FromRandom(ones).ToString());
        Assert.Equal("00000000-0000-4000-8000-000000000000", ReplicaId.FromRandom(new byte[16]).ToString());
        Assert.Throws<ArgumentException>(() => ReplicaId.FromRandom(new byte[15]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("0f8fad5bd9cb469fa16570867728950e")]
    [InlineData("{0f8fad5b-d9cb-469f-a165-70867728950e}")]
    [InlineData("0f8fad5b-d9cb-469f-a165-70867728950")]
    public void What_is_no_replica_id_is_refused(string text) => Assert.False(ReplicaId.TryParse(text, out _));

    [Fact]
    public void A_space_id_is_read_back_from_its_64_digits()
    {
        byte[] bytes = [.. Enumerable.Range(0, 32).Select(i => (byte)(i * 7))];
        SpaceId id = SpaceId.FromBytes(bytes);
        Assert.True(SpaceId.TryParse(id.ToString(), out SpaceId parsed));
        Assert.Equal(id, parsed);
        Assert.True(SpaceId.TryParse(id.ToString().ToUpperInvariant(), out parsed));
        Assert.Equal(id, parsed);
        Assert.True(default(SpaceId).IsEmpty && !id.IsEmpty);
        foreach (string bad in new[] { "", id.ToString()[1..], id + "0", id.ToString()[..63] + "g" })
            Assert.False(SpaceId.TryParse(bad, out _));
    }

    [Fact]
    public void A_mutations_uuid_is_of_version_4_derived_from_its_dot_and_of_nobody_elses() => Law.Holds(
        Arb.From(Gen.Choose(1, int.MaxValue)), sequence =>
        {
            Guid id = MutationId.Of(new Dot(Team.IdOf(1), sequence));
            Assert.Equal((4, 8), (id.Version, id.Variant & 0xC));
            Assert.Equal(id, MutationId.Of(new Dot(Team.IdOf(1), sequence)));
            Assert.NotEqual(id, MutationId.Of(new Dot(Team.IdOf(2), sequence)));
            Assert.NotEqual(id, MutationId.Of(new Dot(Team.IdOf(1), sequence + 1L)));
        });

    /// <summary>Computed with OpenSSL: aes-128-ecb of the block 00 … 01 under the key 00 … 0f.</summary>
    [Fact]
    public void A_mutations_uuid_is_one_block_of_aes()
    {
        ReplicaId replica = ReplicaId.FromBytes([.. Enumerable.Range(0, 16).Select(i => (byte)i)]);
        Assert.Equal("73461395-95c0-441e-897b-bde365f42d0a", MutationId.Of(new Dot(replica, 1)).ToString());
    }
}
