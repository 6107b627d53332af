namespace Crdt.Properties;

/// <summary>In a keyed space a replica gives up its id for what its own key has signed, and for nobody's word.</summary>
public class KeyedForkTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    [Trait("Law", "13")]
    [Trait("Law", "15")]
    public async Task A_device_restored_from_a_backup_goes_on_under_a_further_id_without_the_authority()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("x", 0));
        await team.MeetAllAsync();
        ReplicaId former = team[1].Id;
        IReplicaStore backup = await team.CopyAsync(1);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("first", 1));
        await team.MeetAsync(1, 0);
        await team.RestoreAsync(1, backup);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("second", 2));
        await team.MeetAllAsync();
        Assert.NotEqual(former, team[1].Id);
        Assert.Equal(0, team[1].PendingReissues);
        Assert.All(team.Replicas, r => Assert.Equal(2, r.Get(Strike)!.GetInteger("second")));
        Assert.All(team.Replicas, r => Assert.Equal(team[0].Vector, r.Vector));
        Assert.Contains(team[0].Enrolments, e => e.Replica == team[1].Id);
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task A_restored_device_that_has_not_written_again_learns_of_its_lost_future_from_its_own_signature()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("x", 0));
        await team.MeetAllAsync();
        ReplicaId former = team[1].Id;
        IReplicaStore backup = await team.CopyAsync(1);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("first", 1));
        await team.MeetAsync(1, 0);
        await team.RestoreAsync(1, backup);
        await team.MeetAllAsync();
        Assert.NotEqual(former, team[1].Id);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("second", 2));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(2, r.Get(Strike)!.GetInteger("second")));
    }

    [Fact]
    [Trait("Law", "15")]
    public async Task Heads_and_chains_that_anybody_can_make_up_take_nobodys_id_away()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        ReplicaId id = team[0].Id;
        var made = new ChainHead(id, 90, new byte[32]) { Signature = new byte[64] };
        using var session = new SyncSession(team[0]);
        var impostor = new Impostor(session);
        await impostor.HearAsync();
        await impostor.SayAsync(Impostor.Have(Impostor.Id));
        await impostor.SayAsync(new HeadsMessage(0, [made with { Hash = new byte[8] }]));
        Assert.Equal((id, 0), (team[0].Id, team[0].FormerIds.Count));
        try
        {
            await impostor.SayAsync(new ChainMessage(id, [made]));
        }
        catch (SyncException e)
        {
            Assert.Equal(SyncError.BadSignature, e.Error);
        }
        Assert.Equal((id, 0), (team[0].Id, team[0].FormerIds.Count));
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "gull"));
        await team.MeetAsync(0, 1);
        Assert.Equal("gull", team[1].Get(Strike)!.GetString("species"));
    }
}
