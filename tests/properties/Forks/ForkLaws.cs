namespace Crdt.Properties;

/// <summary>Law 13 over generated lives: devices are backed up, restored, cloned and retired while everybody works; once
/// the fences have spread, everybody holds the same, and everything that was written is there, or kept aside.</summary>
public class ForkLaws
{
    private const int Devices = 3, ReplicasMax = 7, Cases = 1_000;

    private static readonly EntityKey E = new("d", "t", "1");

    [Fact]
    [Trait("Law", "13")]
    [Trait("Law", "14")]
    public void After_the_fences_have_spread_everybody_holds_the_same_and_nothing_is_lost()
    {
        Law.Holds(ForkLife.WithWholeLogs, async life => Assert.True(await LiveAsync(life), "A fork stays open."), Cases);
    }

    /// <summary>Where a copy closes what it found open in one run with what it wrote itself, it has no head at the fence, which
    /// lies within that run. Found at seed 5154845315753515232,15057972372067208457,29.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Law", "13")]
    public async Task A_fence_within_a_run_that_a_copy_closed_elsewhere_takes_effect_there(bool isKeyed) =>
        Assert.True(await LiveAsync(new ForkLife(1, isKeyed, IsProjecting: false,
        [
            new(ForkEvent.Write, 5, 0), new(ForkEvent.Clone, 1, 0), new(ForkEvent.Write, 1, 3), new(ForkEvent.MeetShortly, 5, 4),
            new(ForkEvent.Write, 4, 4), new(ForkEvent.Write, 4, 2), new(ForkEvent.BackUp, 0, 0), new(ForkEvent.Restore, 4, 5),
            new(ForkEvent.Meet, 2, 4),
        ])));

    /// <summary>A clone hears from somebody who has met the other one, and then more from the same: found at seed
    /// 15600122367277225064,12579464974249562565.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task A_statement_about_a_future_of_ones_own_is_passed_over_and_the_next_one_is_understood() =>
        Assert.True(await LiveAsync(new ForkLife(2, IsKeyed: true, IsProjecting: false,
        [
            new(ForkEvent.Clone, 1, 5), new(ForkEvent.Write, 5, 4), new(ForkEvent.Write, 4, 2), new(ForkEvent.Meet, 0, 5),
            new(ForkEvent.Meet, 1, 4),
        ])));

    /// <summary>Who holds an author only up to where a run begins that leads past its fence has no head behind that to show:
    /// the fence is the other log. Found at seed 2415886252094230749,13741639703925016667,19.</summary>
    [Fact]
    [Trait("Law", "13")]
    public async Task A_run_that_leads_past_a_fence_from_the_last_head_that_is_held_proves_a_fork() =>
        Assert.True(await LiveAsync(new ForkLife(2, IsKeyed: true, IsProjecting: false,
        [
            new(ForkEvent.Clone, 5, 5), new(ForkEvent.Write, 0, 0), new(ForkEvent.Write, 5, 5), new(ForkEvent.BackUp, 5, 3),
            new(ForkEvent.Restore, 3, 3), new(ForkEvent.Meet, 1, 3), new(ForkEvent.Meet, 4, 3), new(ForkEvent.Write, 5, 1),
            new(ForkEvent.Fence, 0, 3), new(ForkEvent.MeetShortly, 0, 4), new(ForkEvent.Meet, 2, 5),
        ])));

    /// <summary>Lives a life, and checks how it ends.</summary>
    /// <param name="life">The life.</param>
    /// <param name="mayBeApart">Whether a meeting may end with somebody apart, who holds another log than a floor stands on.</param>
    /// <param name="look">Looks at the team after each step, and at the end with <see langword="true"/> when all is settled.</param>
    /// <returns>Whether all forks were settled: else only that nobody was cut off, and nothing was lost.</returns>
    internal static async Task<bool> LiveAsync(ForkLife life, bool mayBeApart = false, Func<Team, bool, Task>? look = null)
    {
        await using Team team = await Team.CreateAsync(
            new TeamOptions { Devices = Devices, Servers = life.Servers, IsKeyed = life.IsKeyed, IsProjecting = life.IsProjecting });
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAllAsync();
        var written = new List<string>();
        var backups = new List<(int Owner, IReplicaStore Copy)>();
        foreach (ForkStep step in life.Steps)
        {
            await TakeAsync(team, step, written, backups);
            if (look is not null) await look(team, false);
        }
        bool isAtRest = true;
        // Where a round finds all the same, the next one has nothing to do but what is said of who holds what.
        for (int round = 0, over = 0; round < 8 && (over < 2 || look is not null); round++)
        {
            isAtRest = await MeetAllAsync(team, mayBeApart);
            if (isAtRest && IsOver(team)) over++;
        }
        bool isSettled = isAtRest && team.Replicas.All(IsSettled);
        if (mayBeApart && !isSettled)
        {
            // Who holds another log than a floor stands on learns the one that counts from a snapshot alone: so it meets the servers.
            for (int round = 0; round < 2; round++)
            {
                await MeetServersAsync(team);
                isAtRest = await MeetAllAsync(team, mayBeApart);
            }
            isSettled = isAtRest && team.Replicas.All(IsSettled);
        }
        if (isSettled) await CheckAsync(team);
        else if (mayBeApart) CheckApart(team);
        if (look is not null) await look(team, isSettled);
        CheckNothingIsLost(team, written);
        return isSettled;
    }

    /// <summary>Somebody is apart only because of a fence that came after a snapshot on which its state stands, and cuts off some of what
    /// is in that: nothing of it can be left out, and the author's other log cannot take its place. Or nobody can prove which logs part:
    /// in a keyed space what leads to a signed head was dropped with the log before a floor.</summary>
    private static void CheckApart(Team team)
    {
        ReplicaId[] cut = [.. team.Replicas.SelectMany(r => r.Fences.Where(f => CutsSnapshot(r, f))).Select(f => f.Replica)];
        foreach (Replica replica in team.Replicas)
        {
            Assert.All(replica.Fences.Where(f => replica.Writer.Fences.IsOffBranch(f.Replica)), f => Assert.Contains(f.Replica, cut));
            Assert.All(replica.Forks.Where(f => !cut.Contains(f.Author)), f => Assert.True(team.IsKeyed && IsDropped(team, f), $"{f}"));
        }
    }

    private static bool IsDropped(Team team, Fork fork) => team.Replicas.Any(r => r.PrunedTo[fork.Author] > (fork.Common ?? 0));

    private static bool CutsSnapshot(Replica replica, Fence fence) => replica.Snapshots.Any(s => s.Vector[fence.Replica] > fence.Sequence
        && (replica.PrunedTo[fence.Replica] > fence.Sequence || (s.Maker != replica.Id && !replica.FormerIds.Contains(s.Maker))));

    private static bool IsOver(Team team) =>
        team.Replicas.All(r => IsSettled(r) && r.PendingReissues == 0 && r.Vector.Equals(team[0].Vector));

    private static bool IsSettled(Replica replica) =>
        replica.Forks.Count == 0 && !replica.Fences.Any(f => replica.Writer.Fences.IsOffBranch(f.Replica));

    private static async Task MeetServersAsync(Team team)
    {
        for (int server = 0; server < team.Replicas.Count; server++)
        {
            if (team[server].Role == ReplicaRole.Client) continue;
            for (int other = 0; other < team.Replicas.Count; other++)
            {
                if (other != server) await TryMeetAsync(team, server, other);
            }
        }
    }

    /// <returns>Whether both were in sync at the end.</returns>
    private static async Task<bool> TryMeetAsync(Team team, int a, int b)
    {
        try
        {
            await team.MeetAsync(a, b);
            return true;
        }
        catch (LawException)
        {
            return false;
        }
    }

    /// <returns>Whether all meetings ended with both in sync.</returns>
    private static async Task<bool> MeetAllAsync(Team team, bool mayBeApart)
    {
        bool isAtRest = true;
        for (int i = 1; i < 2 * team.Replicas.Count - 1; i++)
        {
            int a = Math.Min(i, 2 * (team.Replicas.Count - 1) + 1 - i);
            if (mayBeApart) isAtRest &= await TryMeetAsync(team, a - 1, a);
            else await team.MeetAsync(a - 1, a);
        }
        return isAtRest;
    }

    private static async Task TakeAsync(
        Team team, ForkStep step, List<string> written, List<(int Owner, IReplicaStore Copy)> backups)
    {
        int at = step.At % team.Replicas.Count, other = step.Other % team.Replicas.Count;
        bool isDevice = team[at].Role == ReplicaRole.Client;
        switch (step.Event)
        {
            case ForkEvent.Write when team[at].Writer.MayWriteNow:
                string element = $"{written.Count}";
                await team[at].CommitAsync(tx => tx.Upsert(E).Add("written", element).Set("last", element).Increment("n"));
                written.Add(element);
                break;
            case ForkEvent.Meet when at != other:
                await team.MeetAsync(at, other);
                break;
            case ForkEvent.MeetShortly when at != other:
                await Team.MeetAsync(team[at], team[other], 3 + step.At + step.Other);
                break;
            case ForkEvent.BackUp when isDevice:
                backups.Add((at, await team.CopyAsync(at)));
                break;
            case ForkEvent.Restore when backups.Count > 0:
                (int owner, IReplicaStore copy) = backups[step.Other % backups.Count];
                backups.RemoveAll(b => b.Copy == copy);
                // What was never given to anybody is gone with the files: no backup brings it back.
                await team.MeetAsync(owner, Devices);
                await team.RestoreAsync(owner, copy);
                break;
            case ForkEvent.Clone when isDevice && team.Replicas.Count < ReplicasMax:
                await team.AddCopyAsync(await team.CopyAsync(at));
                break;
            case ForkEvent.Fence when isDevice && ServerOf(team, step) is { Writer.MayWriteNow: true } server:
                await server.FenceAsync(team[at].Id, FenceReason.Retired);
                break;
            case ForkEvent.Reopen:
                await team.ReopenAsync(at);
                break;
            case ForkEvent.TakeSnapshot when team[at].Role != ReplicaRole.Client:
                await team[at].TakeSnapshotAsync();
                break;
            case ForkEvent.Prune:
                await team[at].PruneAsync();
                break;
        }
    }

    private static Replica ServerOf(Team team, ForkStep step)
    {
        Replica[] servers = [.. team.Replicas.Where(r => r.Role != ReplicaRole.Client)];
        return servers[step.Other / 3 % servers.Length];
    }

    private static void CheckNothingIsLost(Team team, List<string> written)
    {
        HashSet<string> found = [];
        foreach (Replica replica in team.Replicas)
        {
            found.UnionWith(replica.Get(E)!.GetSet("written"));
            found.UnionWith(replica.SetAside.SelectMany(replica.ReadSetAside).SelectMany(Elements));
        }
        Assert.Empty(written.Except(found));
    }

    private static async Task CheckAsync(Team team)
    {
        string expected = await World.DumpAsync(team[0]);
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(team[0].Vector, replica.Vector);
            Assert.Equal(expected, await World.DumpAsync(replica));
            Assert.Empty((await replica.AuditAsync()).Unaccounted);
            Assert.Equal(0, replica.PendingReissues);
            Assert.Empty(replica.Forks);
        }
        // Written again, a mutation is there once.
        Assert.Equal(team[0].Get(E)!.GetSet("written").Count, team[0].Get(E)!.GetCounter("n"));
        for (int i = 0; i < team.Replicas.Count; i++)
        {
            await team.ReopenAsync(i);
            Assert.Equal(expected, await World.DumpAsync(team[i]));
        }
    }

    private static IEnumerable<string> Elements(Mutation mutation) =>
        mutation.Changes.Where(c => c.Path.Kind == PathKind.Element).Select(c => c.Path.Name);
}
