namespace Crdt.Properties;

/// <summary>What a device has a receipt for, told as stories.</summary>
public class CustodyTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    public async Task A_device_that_never_meets_the_server_learns_that_it_is_safe_to_wipe()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        CustodyReport report = await team[0].GetCustodyAsync();
        Assert.True(report is { IsSafeToWipe: false, IsSigned: true, Receipts: [] });
        Assert.Equal(team[0].Vector.Select(d => new CustodyGap(d.Replica, 1, d.Sequence)), report.Missing);
        // Another device is no server: that it holds a copy is no receipt.
        await team.MeetAsync(0, 1);
        Assert.False((await team[0].GetCustodyAsync()).IsSafeToWipe);
        await team.MeetAsync(1, 2);
        await team.MeetAsync(0, 1);
        report = await team[0].GetCustodyAsync();
        Assert.True(report.IsSafeToWipe);
        Assert.Equal(team[2].Id, Assert.Single(report.Receipts).By);
        await team.ReopenAsync(0);
        Assert.True((await team[0].GetCustodyAsync()).IsSafeToWipe);
        // One more of its own, or one more of somebody else's: and it is not.
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("height", 120));
        await team.MeetAsync(0, 1);
        Assert.Equal(team[1].Id, Assert.Single((await team[0].GetCustodyAsync()).Missing).Author);
        await team.MeetAsync(0, 2);
        Assert.True((await team[0].GetCustodyAsync()).IsSafeToWipe);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "tern"));
        Assert.Equal([new CustodyGap(team[0].Id, 3, 3)], (await team[0].GetCustodyAsync()).Missing);
    }

    [Fact]
    public async Task A_server_has_no_receipt_of_its_own_and_gets_one_from_another_server()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        Assert.False((await team[1].GetCustodyAsync()).IsSafeToWipe);
        await team.MeetAsync(1, 2);
        Assert.True((await team[1].GetCustodyAsync()).IsSafeToWipe);
    }

    [Fact]
    public async Task What_a_server_held_whose_log_was_ended_counts_no_more()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        Assert.True((await team[0].GetCustodyAsync()).IsSafeToWipe);
        Assert.All(team[0].Mutations(), m => Assert.Equal(MutationStatus.Synced, m.Status));
        await team[2].FenceAsync(team[1].Id, FenceReason.Revoked);
        using (var session = new SyncSession(team[0]))
        {
            // It hears of the fence alone, and not of what the other server holds.
            Impostor impostor = await Impostor.GreetAsync(session);
            await impostor.SayAsync(new FencesMessage(team[2].Fences, [], []));
        }
        for (int i = 0; i < 2; i++)
        {
            CustodyReport report = await team[0].GetCustodyAsync();
            Assert.True(report is { IsSafeToWipe: false, Receipts: [] });
            Assert.All(team[0].Mutations(), m => Assert.Equal(MutationStatus.Pending, m.Status));
            await team.ReopenAsync(0);
        }
        await team.MeetAsync(0, 2);
        Assert.True((await team[0].GetCustodyAsync()).IsSafeToWipe);
        Assert.All(team[0].Mutations(), m => Assert.Equal(MutationStatus.Synced, m.Status));
    }

    [Fact]
    public async Task What_was_cut_off_and_is_not_written_again_is_not_safe()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 2);
        await team[0].CommitAsync(tx => tx.Update(Strike).Set("species", "gull"));
        await team[2].FenceAsync(team[0].Id, FenceReason.Revoked);
        await team.MeetAsync(0, 2);
        CustodyReport report = await team[0].GetCustodyAsync();
        Assert.True(report is { IsSafeToWipe: false, CutOff: 1 }, $"{report}");
    }

    [Fact]
    public async Task A_server_that_goes_on_under_a_new_id_gives_receipts_for_all_that_it_holds()
    {
        await using Team team = await KeyedTeam.CreateAsync(1, 2);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        await team.MeetAsync(1, 2);
        await team[2].FenceAsync(team[1].Id, FenceReason.Retired);
        await team.MeetAsync(1, 2);
        Assert.NotEqual(Team.IdOf(2), team[1].Id);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "gull"));
        await team.MeetAsync(0, 1);
        CustodyReport report = await team[0].GetCustodyAsync();
        Assert.Equal(team[1].Id, report.Receipts.Single(r => r.By != team[2].Id).By);
        Assert.True(report.IsSafeToWipe, string.Join(' ', report.Missing));
        Assert.True(report.Receipts.Single(r => r.By == team[1].Id).Held.Covers(team[0].Vector));
    }

    [Fact]
    public async Task In_an_open_space_it_is_said_that_nothing_proves_it()
    {
        await using Team team = await Team.CreateAsync(1, 1);
        await team[0].CommitAsync(tx => tx.Create(Strike));
        await team.MeetAsync(0, 1);
        Assert.True(await team[0].GetCustodyAsync() is { IsSafeToWipe: true, IsSigned: false, Receipts.Count: 1 });
    }
}
