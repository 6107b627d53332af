namespace Crdt.Properties;

/// <summary>What another version kept, or another scheme signed, is told from what is damaged.</summary>
public class OtherVersionTests
{
    [Fact]
    public async Task State_that_another_version_kept_is_refused_as_such()
    {
        await using Team team = await Team.CreateAsync(1);
        byte[] other = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        BatchError?[] errors =
        [
            ErrorOf(() => EntityStateCodec.Decode(new("d", "t", "1"), other, out _)), ErrorOf(() => EntityStateCodec.DigestOf(other)),
            ErrorOf(() => ReplicaCheckpoint.Decode(team[0].Writer, other)), ErrorOf(() => FloorCodec.Restore(team[0].Writer, other)),
        ];
        Assert.All(errors, e => Assert.Equal(BatchError.UnknownFormat, e));
        // Whose it is cannot be told: that is found when it is read.
        Assert.True(ReplicaCheckpoint.IsOf(other, team[0].Id));

        static BatchError? ErrorOf(Action read) => Assert.Throws<BatchFormatException>(read).Error;
    }

    [Fact]
    [Trait("Spec", "WF-7.1")]
    [Trait("Spec", "WF-8.3")]
    public async Task A_snapshot_of_a_space_that_is_signed_by_another_scheme_is_refused_as_such()
    {
        await using Team team = await Team.CreateAsync(1, 1, false, [], isKeyed: true);
        SnapshotManifest made = (await Taken.FromAsync(team[1])).Manifest;
        SnapshotTrust.Check(made, team.Genesis.Space, DeterministicSignatures.Instance);
        var error = Assert.Throws<ApplyException>(() => SnapshotTrust.Check(made, team.Genesis.Space, EcdsaSignatures.Instance));
        Assert.Equal(ApplyError.UnknownScheme, error.Error);
    }
}
