using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>After a fence replicas hold less of its author than they said before. What they say from then on counts none
/// the less.</summary>
[Trait("Law", "13")]
[Trait("Law", "14")]
public class FencedStandingTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    public async Task What_devices_hold_is_known_and_their_deleted_entities_are_purged_also_after_a_fence(bool isKeyed, int heldByServer)
    {
        await using Team team = await Team.CreateAsync(3, 2, false, [], isKeyed);
        ReplicaId fenced = team[0].Id, witness = team[1].Id;
        if (heldByServer > 0)
        {
            await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
            await team.MeetAllAsync();
        }
        // The second device holds more of the first than servers do, and has said so to the third.
        await team[0].CommitAsync(tx => tx.Upsert(E).Set("x", 2));
        await team[0].CommitAsync(tx => tx.Upsert(E).Set("x", 3));
        await team.MeetAsync(0, 1);
        await team.MeetAsync(1, 2);
        await team.MeetAsync(1, 2);
        Assert.True(team[2].Writer.Standing.Find(witness)!.Held[fenced] > 1);
        await team[3].FenceAsync(fenced, FenceReason.Retired);
        for (int round = 0; round < 2; round++) await team.MeetAllAsync();
        Assert.Equal(3, team[3].Get(E)!.GetInteger("x"));

        await team[1].CommitAsync(tx => tx.Delete(E));
        CommitResult told = await team[3].CommitAsync(tx => tx.Create(new("d", "t", "2")));
        for (int round = 0; round < 3; round++) await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal(team[3].Vector, r.Vector));
        Assert.True(team[3].HeldBy(team[2].Id).Covers(new Dot(told.Replica, told.FirstSequence)));
        if (isKeyed) Assert.Equal(team[2].Vector, team[3].HeldBy(team[2].Id));
        // Through others, too: what the third knows of the second is what the second says now.
        Assert.Equal(team[1].Vector, team[2].Writer.Standing.Find(witness)!.Held);
        Assert.Equal(team[3].Vector, team[3].StableVector);
        Assert.Equal(team[4].Vector, team[4].StableVector);
        await team.ReopenAsync(2);
        await team.ReopenAsync(3);
        Assert.Equal(team[1].Vector, team[2].Writer.Standing.Find(witness)!.Held);
        if (isKeyed) Assert.Equal(team[2].Vector, team[3].HeldBy(team[2].Id));
        Assert.Equal(team[3].Vector, team[3].StableVector);
        Assert.Equal(1, (await team[3].PurgeAsync()).Purged);

        // And is told again to nobody. (Of whom nothing counts at all, in a keyed space, nobody can judge what is kept aside.)
        if (isKeyed && heldByServer == 0) return;
        for (int round = 0; round < 3; round++) await team.MeetAllAsync();
        for (int i = 1; i < 5; i++)
        {
            (long there, long back) = await Team.MeetAsync(team[i - 1], team[i]);
            Assert.InRange(there, 1, 100);
            Assert.InRange(back, 1, 100);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_written_after_a_fence_becomes_synced_by_a_server_that_held_more_before_it(bool isKeyed)
    {
        await using Team team = await Team.CreateAsync(2, 2, false, [], isKeyed);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        ReplicaId fenced = team[0].Id;
        await team[0].CommitAsync(tx => tx.Update(E).Set("x", 2));
        // One server holds it and says so; the other one fences it without.
        await team.MeetAsync(0, 2);
        await team.MeetAsync(2, 1);
        await team[3].FenceAsync(fenced, FenceReason.Retired);
        for (int round = 0; round < 2; round++) await team.MeetAllAsync();
        CommitResult made = await team[1].CommitAsync(tx => tx.Update(E).Set("y", 1));
        var dot = new Dot(made.Replica, made.FirstSequence);
        await team.MeetAsync(1, 2);
        Assert.NotNull(team[1].Writer.Acknowledgements.SyncedAt(dot));
        await team.MeetAsync(1, 0);
        Assert.NotNull(team[0].Writer.Acknowledgements.SyncedAt(dot));
        Assert.True(team[0].HeldBy(team[2].Id).Covers(dot));
        Assert.Equal(team[2].Vector[fenced], team[0].HeldBy(team[2].Id)[fenced]);
    }

    [Fact]
    public void Of_two_statements_that_say_the_same_but_for_what_a_fence_cut_off_the_lesser_is_kept()
    {
        ReplicaId a = Team.IdOf(1), b = Team.IdOf(2);
        VersionVector Of(long ofA, long ofB) => VersionVector.From([new Dot(a, ofA), new Dot(b, ofB)]);
        FenceCaps caps = FenceCaps.Of([new Fence(new ChainHead(a, 3, new byte[32]), FenceReason.Retired, new Dot(b, 1))]);
        Assert.True(caps.IsNews(Of(3, 5), Of(9, 4)));
        Assert.True(caps.IsNews(Of(3, 4), Of(9, 4)));
        Assert.False(caps.IsNews(Of(9, 4), Of(3, 4)));
        Assert.False(caps.IsNews(Of(3, 4), Of(3, 4)));
        Assert.False(caps.IsNews(Of(2, 9), Of(9, 4)));
        Assert.False(FenceCaps.None.IsNews(Of(3, 5), Of(9, 4)));
        Assert.Equal(Of(3, 4), caps.Cap(Of(9, 4)));
    }

    [Fact]
    public void What_differs_from_an_earlier_vector_leads_to_the_later_one_also_where_it_is_less()
    {
        ReplicaId a = Team.IdOf(1), b = Team.IdOf(2), c = Team.IdOf(3);
        VersionVector before = VersionVector.From([new Dot(a, 9), new Dot(b, 4)]);
        VersionVector now = VersionVector.From([new Dot(a, 3), new Dot(b, 4), new Dot(c, 1)]);
        Assert.Equal([new Dot(a, 3), new Dot(c, 1)], now.Since(before));
        Assert.True(now.CanFollow(before));
        Assert.Equal(now, before.With(now.Since(before)));
        Assert.False(VersionVector.From([new Dot(b, 4)]).CanFollow(before));
    }
}
