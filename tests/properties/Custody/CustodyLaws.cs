namespace Crdt.Properties;

/// <summary>A device is safe to wipe exactly when a server holds everything that is on it.</summary>
public class CustodyLaws
{
    /// <summary>Of the servers' logs what was ever in them: they may drop it, and nothing of it is lost for that.</summary>
    private sealed class Servers
    {
        private readonly HashSet<(ReplicaId Author, long First, UInt128 Batch)> batches = [];
        private readonly HashSet<string> elements = [];
        private readonly Dictionary<(ReplicaId Author, long First), UInt128> seen = [];

        /// <summary>Whose ids are in use twice: with one mutation in one log and another in the other one.</summary>
        public HashSet<ReplicaId> Ambiguous { get; } = [];

        public void Look(Team team)
        {
            for (int i = 0; i < team.Replicas.Count; i++)
            {
                foreach ((ReplicaId author, long first, UInt128 batch) in BatchesOf(team.Stores[i]).Select(b => NameOf(b)))
                {
                    if (!seen.TryAdd((author, first), batch) && seen[(author, first)] != batch) Ambiguous.Add(author);
                }
                if (team[i].Role == ReplicaRole.Client) continue;
                foreach (LogEntry batch in BatchesOf(team.Stores[i])) batches.Add(NameOf(batch));
                elements.UnionWith(ElementsOf(team, i, new HashSet<ReplicaId>()));
            }
        }

        /// <summary>What of a replica no server's log has ever held.</summary>
        /// <param name="team">The team.</param>
        /// <param name="at">The replica.</param>
        /// <param name="except">Whose logs are passed over.</param>
        public IEnumerable<string> MissingOf(Team team, int at, IReadOnlySet<ReplicaId> except) =>
            ElementsOf(team, at, except).Where(e => !elements.Contains(e));

        public IEnumerable<LogEntry> MissingBatchesOf(Team team, int at) =>
            BatchesOf(team.Stores[at]).Where(b => !batches.Contains(NameOf(b)));

        private static IEnumerable<LogEntry> BatchesOf(IReplicaStore store) =>
            store.ReadLog(default).Select(static l => l.Entry).Where(static e => e.Kind == LogEntryKind.Batch);

        private static (ReplicaId, long, UInt128) NameOf(in LogEntry batch) =>
            (batch.Author, batch.FirstSequence, System.IO.Hashing.XxHash128.HashToUInt128(batch.Payload.Span));

        /// <summary>What was written into the set, also where a fence has cut it off: each element is of one write.</summary>
        private static IEnumerable<string> ElementsOf(Team team, int at, IReadOnlySet<ReplicaId> except)
        {
            foreach (LogEntry batch in BatchesOf(team.Stores[at]).Where(b => !except.Contains(b.Author)))
            {
                var columns = new BatchColumns();
                new BatchReader().Read(batch.Payload, batch.Author, batch.FirstSequence, columns);
                for (int m = 0; m < columns.MutationCount; m++)
                {
                    foreach (string element in ElementsOf(columns.ToMutation(m, batch.Author, batch.FirstSequence))) yield return element;
                }
            }
            foreach (Mutation aside in team[at].SetAside.Where(a => !except.Contains(a.Author)).SelectMany(team[at].ReadSetAside))
            {
                foreach (string element in ElementsOf(aside)) yield return element;
            }
        }

        private static IEnumerable<string> ElementsOf(Mutation mutation) =>
            mutation.Changes.Where(c => c.Path.Kind == PathKind.Element).Select(c => c.Path.Name);
    }

    [Fact]
    [Trait("Law", "14")]
    public void What_is_safe_to_wipe_is_held_by_servers_to_the_last_batch_and_becomes_safe_when_they_are_met()
    {
        Law.Holds(Schedules.Any, async schedule =>
        {
            await using World world = await World.CreateAsync(schedule.Devices, isKeyed: schedule.Steps.Length % 2 == 0, servers: schedule.Servers);
            var servers = new Servers();
            foreach (Step step in schedule.Steps)
            {
                await world.TakeAsync(step);
                servers.Look(world.Team);
                for (int i = 0; i < world.Team.Replicas.Count; i++)
                {
                    CustodyReport report = await world.Team[i].GetCustodyAsync();
                    if (report.IsSafeToWipe && world.Team[i].Role == ReplicaRole.Client) Assert.Empty(servers.MissingBatchesOf(world.Team, i));
                }
            }
            await world.FinishAsync();
            foreach (Replica device in world.Team.Replicas.Where(r => r.Role == ReplicaRole.Client))
                Assert.True((await device.GetCustodyAsync()).IsSafeToWipe, $"{await device.GetCustodyAsync()}");
        }, 300);
    }

    /// <summary>Nothing is passed over in a keyed space, where a server's word names the log that it is about. In an open space an id
    /// in use twice is, while nobody may have noticed: a word about its sequences is true of one of its logs.</summary>
    [Fact]
    [Trait("Law", "13")]
    public void It_holds_with_devices_that_are_restored_cloned_and_retired() =>
        Law.Holds(ForkLife.WithWholeLogs, life => LiveAsync(life, passesOver: !life.IsKeyed), 300);

    /// <summary>A restored device meets a server, which has another mutation of the same name, and is interrupted. Found at
    /// seed 14912635311827353500,4379496703298645137,15.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Law", "13")]
    public Task A_server_that_vouches_for_another_log_of_the_same_id_makes_nothing_safe(bool isKeyed) => LiveAsync(
        new ForkLife(1, isKeyed, IsProjecting: false,
        [
            new(ForkEvent.BackUp, 1, 4), new(ForkEvent.BackUp, 0, 5), new(ForkEvent.Restore, 2, 0), new(ForkEvent.Write, 0, 1),
            new(ForkEvent.Restore, 5, 2), new(ForkEvent.Write, 4, 0), new(ForkEvent.MeetShortly, 4, 3), new(ForkEvent.Reopen, 4, 0),
        ]), passesOver: false);

    private static async Task LiveAsync(ForkLife life, bool passesOver)
    {
        var servers = new Servers();
        await ForkLaws.LiveAsync(life, look: async (team, isSettled) =>
        {
            // Whose id was in use twice believes only a server's log, and not what others tell of it.
            if (isSettled) await MeetServersAsync(team);
            servers.Look(team);
            for (int i = 0; i < team.Replicas.Count; i++)
            {
                if (team[i].Role != ReplicaRole.Client) continue;
                CustodyReport report = await team[i].GetCustodyAsync();
                if (report.IsSafeToWipe) Assert.Empty(servers.MissingOf(team, i, passesOver ? servers.Ambiguous : new HashSet<ReplicaId>()));
                // What a restored device wrote in its first life it does not know: it stays aside until somebody decides.
                if (isSettled) Assert.True((report with { SetAside = 0 }).IsSafeToWipe, $"{i}: {report} {string.Join(' ', report.Missing)} {string.Join(' ', report.Forked)}");
            }
            if (isSettled) await WriteAgainAsync(team);
        });
    }

    private static async Task MeetServersAsync(Team team)
    {
        foreach (Replica device in team.Replicas.Where(r => r.Role == ReplicaRole.Client))
        {
            foreach (Replica server in team.Replicas.Where(r => r.Role != ReplicaRole.Client)) await Team.MeetAsync(device, server);
        }
    }

    /// <summary>A server writes again what is kept aside: then that is safe, too.</summary>
    private static async Task WriteAgainAsync(Team team)
    {
        Replica server = team.Replicas.First(r => r.Role != ReplicaRole.Client);
        foreach (ReplicaId author in server.SetAside.Select(a => a.Author).Distinct().ToList()) await server.ReissueAsync(author);
        await team.MeetAllAsync();
        foreach (Replica device in team.Replicas.Where(r => r.Role == ReplicaRole.Client))
        {
            CustodyReport report = await device.GetCustodyAsync();
            Assert.True(report.IsSafeToWipe, $"{report} {string.Join(' ', report.Missing)}");
        }
    }
}
