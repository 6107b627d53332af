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
        States made = States.Build(random);
        IReadOnlyList<byte[]> chunks = made.Encode();
        Assert.Equal(chunks, made.Elsewhere(random).Encode());
        Assert.All(chunks, c => Assert.InRange(BatchReader.PlainLengthOf(c), 2, FormatLimits.BatchLengthBytesMax));
        States read = made.Decode(chunks);
        Assert.Equal(made.Entities.Select(made.DigestOf), read.Entities.Select(read.DigestOf));
        Assert.Equal(made.Entities.Select(e => e.Key), read.Entities.Select(e => e.Key));
        Assert.Equal(chunks, read.Encode());
    }, count: 60);

    [Fact]
    [Trait("Spec", "WF-8.2")]
    public void A_damaged_chunk_is_refused_or_is_the_one_encoding_of_what_it_says() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        States made = States.Build(random, isSmall: true);
        byte[] plain = Plain(Assert.Single(made.Encode()));
        for (int i = 0; i < 60; i++)
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
    }, count: 150);

    [Fact]
    [Trait("Spec", "WF-8.1")]
    public void A_damaged_manifest_is_refused_or_is_the_one_encoding_of_what_it_says() => Law.Holds(Seeds, async seed =>
    {
        var random = new Random(seed);
        await using Team team = await Team.CreateAsync(1, 1, false, [], isKeyed: random.Next(2) == 0);
        await team[1].CommitAsync(tx => tx.Create(new("d", "t", "1")));
        SnapshotManifest made = (await Taken.FromAsync(team[1])).Manifest;
        for (int i = 0; i < 60; i++)
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
    }, count: 60);

    [Fact]
    [Trait("Spec", "WF-8.1")]
    public void A_manifest_longer_than_its_limit_is_refused_unread()
    {
        var error = Assert.Throws<BatchFormatException>(() => SnapshotManifest.Decode(new byte[FormatLimits.SnapshotManifestLengthBytesMax + 1]));
        Assert.Equal(BatchError.LimitExceeded, error.Error);
    }

    private static byte[] Plain(byte[] stored) => [1, .. BatchReader.Unpack(stored, out _).ToArray()];
}
