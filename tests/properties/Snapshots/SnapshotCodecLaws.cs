using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

[Trait("Law", "9")]
public class SnapshotCodecLaws
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    /// <summary>Registers are in the order of arrival and authors by another index on every replica: the bytes are the same.</summary>
    [Fact]
    [Trait("Spec", "WF-8.2")]
    public void The_same_state_gives_the_same_bytes_wherever_it_is_encoded_and_is_decoded_as_it_was() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        States made = States.Build(random, isSmall: random.Next(10) > 0);
        IReadOnlyList<byte[]> chunks = made.Encode();
        Assert.Equal(chunks, made.Elsewhere(random).Encode());
        Assert.All(chunks, c => Assert.InRange(BatchReader.PlainLengthOf(c), 2, FormatLimits.BatchLengthBytesMax));
        States read = made.Decode(chunks);
        Assert.Equal(made.Entities.Select(made.DigestOf), read.Entities.Select(read.DigestOf));
        Assert.Equal(made.Entities.Select(e => e.Key), read.Entities.Select(e => e.Key));
        Assert.Equal(chunks, read.Encode());
    });

    [Fact]
    [Trait("Spec", "WF-8.2")]
    public void A_damaged_chunk_is_refused_or_is_the_one_encoding_of_what_it_says() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        States made = States.Build(random, isSmall: true);
        byte[] plain = Plain(Assert.Single(made.Encode()));
        for (int i = 0; i < 10; i++)
        {
            byte[] damaged = Damage.Some(random, plain, from: 1);
            try
            {
                Assert.Equal(damaged, Plain(Assert.Single(made.Decode([damaged]).Encode())));
            }
            catch (BatchFormatException)
            {
                // The one error.
            }
        }
    });

    /// <summary>What is one byte away from a chunk is another chunk, told in its one form, or none.</summary>
    [Fact]
    [Trait("Spec", "WF-8.2")]
    public void A_chunk_with_one_byte_changed_is_refused_or_is_the_one_encoding_of_what_it_says()
    {
        States made = States.Build(new Random(9), isSmall: true);
        foreach (byte[] changed in Neighbours.Of(Plain(Assert.Single(made.Encode())), from: 1))
        {
            try
            {
                Assert.Equal(changed, Plain(Assert.Single(made.Decode([changed]).Encode())));
            }
            catch (BatchFormatException)
            {
                // The one error.
            }
        }
    }

    [Fact]
    [Trait("Spec", "WF-8.1")]
    public async Task A_manifest_with_one_byte_changed_is_refused_or_is_the_one_encoding_of_what_it_says()
    {
        await using Team team = await Team.CreateAsync(1, 1, false, [], isKeyed: true);
        await team[1].CommitAsync(tx => tx.Create(new("d", "t", "1")));
        foreach (byte[] changed in Neighbours.Of((await Taken.FromAsync(team[1])).Manifest.Bytes.ToArray()))
        {
            try
            {
                SnapshotManifest read = SnapshotManifest.Decode(changed);
                Assert.Equal(changed, SnapshotManifest.Encode(new ReplicaIdentity(read.Space, read.Maker, read.Role), read.Authority, read.Founding,
                    read.Digest, read.Heads, read.Chunks, [.. read.Members], _ => read.Signature.ToArray()));
                Assert.Throws<ApplyException>(() => SnapshotTrust.Check(read, team.Genesis.Space, DeterministicSignatures.Instance));
            }
            catch (BatchFormatException)
            {
                // The one error.
            }
        }
    }

    /// <summary>A sibling whose marks restore more than a chunk holds is told several times, and is one again.</summary>
    [Fact]
    [Trait("Spec", "WF-8.2")]
    public void A_sibling_that_is_told_in_parts_is_one_again_and_only_its_own_parts_join()
    {
        States made = States.WithPieces();
        IReadOnlyList<byte[]> chunks = made.Encode();
        Assert.InRange(chunks.Count, 2, 4);
        Assert.Equal(made.DigestOf(made.Entities[0]), made.DigestOf(Assert.Single(made.Decode(chunks).Entities)));
        foreach (States foreign in States.WithForeignPieces())
        {
            var refused = Assert.Throws<BatchFormatException>(() => foreign.Decode(foreign.Encode()));
            Assert.Equal(BatchError.NotCanonical, refused.Error);
        }
    }

    [Fact]
    [Trait("Spec", "WF-8.1")]
    public void A_damaged_manifest_is_refused_or_is_the_one_encoding_of_what_it_says() => Law.Holds(Seeds, async seed =>
    {
        var random = new Random(seed);
        await using Team team = await Team.CreateAsync(1, 1, false, [], isKeyed: random.Next(2) == 0);
        await team[1].CommitAsync(tx => tx.Create(new("d", "t", "1")));
        SnapshotManifest made = (await Taken.FromAsync(team[1])).Manifest;
        for (int i = 0; i < 4; i++)
        {
            byte[] damaged = Damage.Some(random, made.Bytes.ToArray());
            if (damaged.AsSpan().SequenceEqual(made.Bytes.Span)) continue;
            try
            {
                SnapshotManifest read = SnapshotManifest.Decode(damaged);
                Assert.Equal(damaged, SnapshotManifest.Encode(new ReplicaIdentity(read.Space, read.Maker, read.Role), read.Authority, read.Founding,
                    read.Digest, read.Heads, read.Chunks, [.. read.Members], _ => read.Signature.ToArray()));
                var error = Assert.Throws<ApplyException>(
                    () => SnapshotTrust.Check(read, team.Genesis.Space, DeterministicSignatures.Instance));
                Assert.True(team.IsKeyed || error.Error is ApplyError.WrongSpace or ApplyError.SnapshotRole or ApplyError.BadSnapshot
                    or ApplyError.BadSignature);
            }
            catch (BatchFormatException)
            {
                // The one error.
            }
            catch (Xunit.Sdk.ThrowsException) when (!team.IsKeyed)
            {
                // Nothing is signed in an open space: what still holds together may be taken.
            }
        }
    });

    [Fact]
    [Trait("Spec", "WF-8.1")]
    public void A_manifest_longer_than_its_limit_is_refused_unread()
    {
        var error = Assert.Throws<BatchFormatException>(() => SnapshotManifest.Decode(new byte[FormatLimits.SnapshotManifestLengthBytesMax + 1]));
        Assert.Equal(BatchError.LimitExceeded, error.Error);
    }

    private static byte[] Plain(byte[] stored) => [1, .. BatchReader.Unpack(stored, out _).ToArray()];
}
