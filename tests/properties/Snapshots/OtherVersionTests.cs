namespace Crdt.Properties;

/// <summary>What another version kept, or another scheme signed, is told from what is damaged.</summary>
public class OtherVersionTests
{
    [Fact]
    public async Task State_that_another_version_kept_is_refused_as_such()
    {
        await using Team team = await Team.CreateAsync(1);
        byte[] other = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
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
    [Trait("Spec", "WF-2.1")]
    public async Task A_space_allows_a_later_batch_format_only_where_it_says_so()
    {
        await using Team team = await Team.CreateAsync(1, 1);
        Assert.All(team.Replicas, r => Assert.Equal(1, r.BatchFormat));
        await team[1].CommitAsync(tx => tx.SetBatchFormat(FormatLimits.BatchFormatMax));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(FormatLimits.BatchFormatMax, r.BatchFormat));
        Assert.Throws<ArgumentOutOfRangeException>(() => team[1].Begin().SetBatchFormat(FormatLimits.BatchFormatMax + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => team[1].Begin().SetBatchFormat(0));
        MutationException error = await Assert.ThrowsAsync<MutationException>(
            () => team[0].CommitAsync(tx => tx.SetBatchFormat(1)).AsTask());
        Assert.Equal(MutationError.RoleRequired, error.Error);
        // As a later build says it.
        await team[1].CommitAsync(tx => tx.Update(SpaceGenesis.SettingsKey).Set(SpaceGenesis.BatchFormatField, 2));
        await team.MeetAllAsync();
        Assert.Equal(2, team[0].BatchFormat);
        await team[0].CommitAsync(tx => tx.Create(new EntityKey("d", "t", "1")));
        LogEntry written = team.Stores[0].ReadLog(default).Select(l => l.Entry)
            .Last(e => e.Kind == LogEntryKind.Batch && e.Author == team[0].Id);
        Assert.InRange(written.Payload.Span[0], BatchWriter.PlainFormat, BatchWriter.CompressedFormat);
    }

    [Fact]
    public async Task A_snapshot_of_a_later_format_is_told_as_such()
    {
        await using Team team = await Team.CreateAsync(2, 1);
        SnapshotManifest made = (await Taken.FromAsync(team[2])).Manifest;
        byte[] later = made.Bytes.ToArray();
        later[0] = SnapshotManifest.FormatVersion + 1;
        using var session = new SyncSession(team[0]);
        Impostor impostor = await Impostor.GreetAsync(session);
        SyncException error = await Assert.ThrowsAsync<SyncException>(() => impostor.SayAsync(new SnapshotMessage(later)).AsTask());
        Assert.Equal(SyncError.UnknownFormat, error.Error);
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
