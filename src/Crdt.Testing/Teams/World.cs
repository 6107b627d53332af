using System.Text;

namespace Crdt.Testing;

/// <summary>A team that lives through a schedule; after every step each replica that it concerned is compared with the
/// reference, and with every replica that ever had the same vector.</summary>
public sealed class World : IAsyncDisposable
{
    /// <summary>The entities that a schedule's edits are about.</summary>
    public static IReadOnlyList<EntityKey> Keys { get; } = [new("d", "t", "1"), new("d", "t", "2"), new("e", "t", "1")];

    private static readonly (string, ConflictPolicy)[] Policies =
    [
        ("d/t/first", ConflictPolicy.FirstWriteWins), ("d/t/merged", ConflictPolicy.Merge),
        ("d/t/manual", ConflictPolicy.Manual), ("e", ConflictPolicy.Manual),
        ("d/t/b", ConflictPolicy.ServerWins), ("d/t/m", ConflictPolicy.ClientWins),
    ];

    private readonly Dictionary<string, string> statesByVector = [];
    private readonly Dictionary<(int, EntityKey), Entity> seen = [];
    private readonly Dictionary<int, (ReplicaView View, string Shown)> views = [];

    // What each replica showed when it was looked at last, and at which vector: while that is the same nothing may change it.
    private readonly Dictionary<Replica, (VersionVector Vector, string Dump)> shown = [];

    // Everything that was ever written: logs that were dropped do not tell.
    private readonly Dictionary<Dot, Mutation> written = [];

    // The reference of the replica that was compared last; most often the next one has come to hold the same.
    private (Replica Of, VersionVector Vector, Mutation[] History, ReferenceModel Reference)? latest;

    private readonly bool compares;
    private ConflictKind resolved;

    private World(Team team, bool compares) => (Team, this.compares) = (team, compares);

    /// <summary>Its replicas: the devices, then one in the server role.</summary>
    public Team Team { get; }

    /// <summary>A team with the policies of a world, before anything happened.</summary>
    /// <param name="devices">How many devices; one server-role replica comes after them.</param>
    /// <param name="isProjecting">Whether its stores keep projections, and its replicas few entities in memory.</param>
    /// <param name="isKeyed">Whether the space is keyed, all replicas enrolled by its founding.</param>
    /// <param name="existence">What decides between a delete and a concurrent write.</param>
    /// <param name="servers">How many server-role replicas.</param>
    /// <param name="compares">Whether replicas are compared after each step.</param>
    public static async Task<World> CreateAsync(
        int devices, bool isProjecting = false, bool isKeyed = false,
        ExistencePolicy existence = ExistencePolicy.UpdateWins, int servers = 1, bool compares = true)
    {
        var world = new World(await Team.CreateAsync(new TeamOptions
        {
            Devices = devices,
            Servers = servers,
            IsProjecting = isProjecting,
            Policies = Policies,
            IsKeyed = isKeyed,
            Existence = existence == ExistencePolicy.UpdateWins ? [] : [("d/t", existence), ("e", existence)],
        }), compares);
        for (int i = devices; i < world.Team.Replicas.Count; i++)
        {
            int bit = 1 << (i - devices);
            world.Team.Admissions[i] = new RefuseWhere(m => m.Context.Kind == ValueKind.Integer && (m.Context.AsInteger() & bit) != 0);
            await world.Team.ReopenAsync(i);
        }
        return world;
    }

    /// <summary>Lives through all steps, compares after each, then lets everybody meet until all hold the same.</summary>
    public static async Task<World> RunAsync(
        Schedule schedule, bool isProjecting = false, bool isKeyed = false,
        ExistencePolicy existence = ExistencePolicy.UpdateWins)
    {
        World world = await CreateAsync(schedule.Devices, isProjecting, isKeyed, existence, schedule.Servers);
        foreach (Step step in schedule.Steps) await world.TakeAsync(step);
        await world.FinishAsync();
        return world;
    }

    /// <summary>The same with nothing compared, then or later: a past, for a law about what comes after it.</summary>
    public static async Task<World> LiveAsync(Schedule schedule)
    {
        World world = await CreateAsync(schedule.Devices, servers: schedule.Servers, compares: false);
        foreach (Step step in schedule.Steps) await world.TakeAsync(step);
        await world.Team.MeetAllAsync();
        return world;
    }

    /// <summary>Lives through one step, and compares the replicas that it concerned.</summary>
    public async Task TakeAsync(Step step)
    {
        switch (step)
        {
            case Commit commit:
                await CommitAsync(commit);
                await CheckAsync(commit.At);
                break;
            case Meet meet when Index(meet.A) != Index(meet.B):
                await Team.MeetAsync(At(meet.A), At(meet.B), meet.MessagesMax);
                await CheckAsync(meet.A);
                await CheckAsync(meet.B);
                break;
            case Deliver deliver when Index(deliver.From) != Index(deliver.To):
                await DeliverAsync(deliver);
                await CheckAsync(deliver.To);
                break;
            case Look look:
                EntityKey key = KeyOf(look.Entity);
                if (At(look.At).GetWithDeleted(key) is { } entity) seen[(Index(look.At), key)] = entity;
                break;
            case Reopen reopen:
                await ReopenAsync(Index(reopen.At));
                break;
            case TakeSnapshot:
                await Team.Replicas[^1].TakeSnapshotAsync();
                await CheckAsync(Team.Replicas.Count - 1);
                break;
            case Prune prune:
                string before = await ShownAsync(At(prune.At));
                await At(prune.At).PruneAsync();
                await CheckShownAsync(before, At(prune.At));
                await CheckAsync(prune.At);
                break;
            case Hold hold:
                if (!views.ContainsKey(Index(hold.At))) views[Index(hold.At)] = Open(At(hold.At));
                else CheckView(Index(hold.At));
                break;
        }
    }

    /// <summary>Lets everybody meet until all hold the same, and opens every store once more.</summary>
    public async Task FinishAsync()
    {
        foreach (int at in views.Keys) CheckView(at);
        await Team.MeetAllAsync();
        for (int i = 0; i < Team.Replicas.Count; i++) await CheckAsync(i);
        foreach (Replica replica in Team.Replicas) Check.Equal(Team[0].Vector, replica.Vector);
        for (int i = 0; i < Team.Replicas.Count; i++) await ReopenAsync(i);
    }

    /// <summary>Everything that can be read of a replica.</summary>
    public static async Task<string> DumpAsync(Replica replica)
    {
        var text = new StringBuilder();
        foreach (EntityKey key in replica.Writer.Cache.Keys(null, null)) Dump(replica.GetWithDeleted(key)!, text);
        foreach (Conflict conflict in replica.Conflicts(openOnly: false)) text.AppendLine($"conflict {conflict.Key} {conflict.Path} {conflict.Kind}");
        ReplicaStatus status = await replica.GetStatusAsync();
        return text.AppendLine($"{status.Entities} entities, {status.Mutations} mutations, {status.Digest}").ToString();
    }

    /// <summary>Compares a replica with the reference, and with whoever had the same vector.</summary>
    public async Task CheckAsync(int at)
    {
        if (!compares) return;
        Replica replica = At(at);
        Mutation[] logged = [.. replica.Mutations().Select(m => m.Mutation)];
        foreach (Mutation mutation in logged) written[mutation.Dot] = mutation;
        (Mutation[] history, ReferenceModel reference) = ReferenceOf(replica);
        ILookup<EntityKey, Conflict> conflicts = replica.Conflicts(openOnly: false).ToLookup(c => c.Key);
        foreach (EntityKey key in reference.Keys) ReadChecks.CheckEntity(replica, reference, key, conflicts[key].Count());
        ReadChecks.CheckRefusals(replica, reference);
        Check.Equal(reference.Keys.Order(), replica.Writer.Cache.Keys(null, null).Order());
        Check.Equal(reference.Keys.Count(k => !k.IsSpaceData && reference.IsAlive(k)), (await replica.GetStatusAsync()).Entities);
        Check.Equal(replica.Vector, VersionVector.From(history.Select(m => m.Dot)));
        CheckCauses(logged, history);
        AuditReport audit = await replica.AuditAsync();
        Check.Empty(audit.Unaccounted);
        Check.Equal(audit.Written, audit.Replaced + audit.Held);
        string dump = await ShowAsync(replica);
        string vector = $"{replica.Vector}";
        if (!statesByVector.TryAdd(vector, dump)) Check.Equal(statesByVector[vector], dump);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Team.DisposeAsync();

    private (Mutation[] History, ReferenceModel Reference) ReferenceOf(Replica replica)
    {
        Mutation[] history = [.. written.Values.Where(m => replica.Vector.Covers(m.Dot))];
        if (latest is not { } known || known.Vector != replica.Vector || known.Of.Vector != replica.Vector || known.History.Length != history.Length)
        {
            // All that is read of it is worked out here and now, by the policies of this moment.
            known = (replica, replica.Vector, history, new ReferenceModel(history, replica.PolicyOf, replica.ExistencePolicyOf));
            latest = known;
        }
        return (known.History, known.Reference);
    }

    private async Task<string> ShowAsync(Replica replica)
    {
        string dump = await DumpAsync(replica);
        shown[replica] = (replica.Vector, dump);
        return dump;
    }

    private async Task<string> ShownAsync(Replica replica) =>
        !compares ? "" : shown.TryGetValue(replica, out var latest) && latest.Vector == replica.Vector ? latest.Dump : await DumpAsync(replica);

    private async Task CheckShownAsync(string before, Replica replica)
    {
        if (compares) Check.Equal(before, await ShowAsync(replica));
    }

    /// <summary>Nobody replaces what had not arrived where it was replaced.</summary>
    private static void CheckCauses(IReadOnlyCollection<Mutation> logged, IEnumerable<Mutation> history)
    {
        var arrived = new HashSet<(EntityKey, FieldPath, Dot)>();
        HashSet<Dot> inLog = [.. logged.Select(m => m.Dot)];
        // What came as a snapshot is not in the log.
        foreach (Mutation mutation in history.Where(m => !inLog.Contains(m.Dot))) Arrive(mutation, arrived);
        foreach (Mutation mutation in logged)
        {
            foreach (Change change in mutation.Changes)
                Check.Empty(change.Observed.Where(dot => !arrived.Contains((mutation.Key, change.Path, dot))));
            Arrive(mutation, arrived);
        }
    }

    private static void Arrive(Mutation mutation, HashSet<(EntityKey, FieldPath, Dot)> arrived)
    {
        foreach (Change change in mutation.Changes)
        {
            if (change.Value is not null || change.Marks == MarkKind.Restored)
                arrived.Add((mutation.Key, change.Path, mutation.Dot));
        }
    }

    private static void Dump(Entity entity, StringBuilder text)
    {
        text.AppendLine($"{entity} {entity.ToJson()} {entity.Version} {entity.UpdatedAt}");
        foreach (FieldPath path in entity.AllSiblings().Select(s => s.Path).Distinct())
        {
            foreach (Sibling s in entity.Siblings(path))
                text.AppendLine($"  {path} {path.Kind} {s.Dot} {s.Timestamp.Bits} {s.Claim.Bits} {s.Role} {s.Value} {s.IsLost} {s.Refused}");
        }
    }

    private static (ReplicaView, string) Open(Replica replica)
    {
        ReplicaView view = replica.View();
        return (view, Show(view));
    }

    private static string Show(ReplicaView view)
    {
        var text = new StringBuilder();
        foreach (EntityKey key in Keys)
        {
            if (view.GetWithDeleted(key) is { } entity) Dump(entity, text);
        }
        foreach (Entity entity in view.Query("d", "t")) text.AppendLine($"{entity}");
        return text.ToString();
    }

    private void CheckView(int at)
    {
        if (!views.Remove(at, out (ReplicaView View, string Shown) held)) return;
        Check.Equal(held.Shown, Show(held.View));
        held.View.Dispose();
    }

    private int Index(int replica) => replica % Team.Replicas.Count;

    private Replica At(int replica) => Team[Index(replica)];

    private static EntityKey KeyOf(int entity) => Keys[entity % Keys.Count];

    private async Task ReopenAsync(int at)
    {
        views.Remove(at);
        string before = await ShownAsync(Team[at]);
        shown.Remove(Team[at]);
        await Team.ReopenAsync(at);
        await CheckShownAsync(before, Team[at]);
        latest = null;
    }

    private async Task DeliverAsync(Deliver deliver)
    {
        Replica from = At(deliver.From), to = At(deliver.To);
        IEnumerable<BatchRun> runs = await RunsOfAsync(from);
        if (!deliver.Again) runs = runs.Where(r => to.Vector[r.Author] < r.LastSequence);
        foreach (BatchRun run in runs.Take(deliver.Again ? int.MaxValue : deliver.RunsMax))
        {
            bool isNews = to.Vector[run.Author] < run.LastSequence;
            try
            {
                Check.Equal(isNews, await to.ApplyAsync(run, default));
            }
            catch (ApplyException e) when (from.Snapshots.Count > 0
                && e.Error is ApplyError.Gap or ApplyError.UnknownObservedDot or ApplyError.WrongSpace)
            {
                // A log that stands on a snapshot is not enough for somebody who lacks that.
                break;
            }
        }
    }

    /// <summary>All closed runs of a replica's log, in its apply order.</summary>
    internal static async Task<IReadOnlyList<BatchRun>> RunsOfAsync(Replica replica)
    {
        await replica.CloseRunAsync(default);
        var runs = new List<BatchRun>();
        var batches = new List<LogEntry>();
        foreach (LoggedEntry logged in replica.Store.ReadLog(default))
        {
            if (logged.Entry.Kind == LogEntryKind.Batch) batches.Add(logged.Entry);
            if (logged.Entry.Kind != LogEntryKind.Head) continue;
            runs.Add(new BatchRun(logged.Entry.Author, batches[0].FirstSequence, [.. batches.Select(b => b.Payload)],
                logged.Entry.LastSequence, logged.Entry.Payload));
            batches.Clear();
        }
        Check.Empty(batches);
        return runs;
    }

    private async Task CommitAsync(Commit commit)
    {
        Replica replica = At(commit.At);
        var clock = Team.Clocks[Index(commit.At)];
        if (commit.ClockMs != 0) clock.AdjustTime(clock.GetUtcNow().AddMilliseconds(commit.ClockMs));
        Transaction transaction = replica.Begin();
        foreach (Edit edit in commit.Edits) Note(transaction, replica, Index(commit.At), edit);
        string before = await ShownAsync(replica);
        try
        {
            CheckObserved(transaction, replica, await transaction.CommitAsync());
        }
        catch (MutationException)
        {
            await CheckShownAsync(before, replica);
        }
    }

    /// <summary>An edit of what somebody had seen replaces nothing that they had not; a resolution leaves one value.</summary>
    private void CheckObserved(Transaction transaction, Replica replica, CommitResult result)
    {
        if (transaction.Edits is not [var edit] || result.Count != 1 || edit.Basis is not { } basis) return;
        Mutation mutation = replica.FindMutation(new Dot(result.Replica, result.FirstSequence))!.Mutation;
        foreach (Change change in mutation.Changes.Where(c => !c.Path.IsRoot || mutation.Kind == MutationKind.Delete))
            Check.Empty(change.Observed.Where(dot => !basis.Covers(dot)));
        if (edit.Kind != EditKind.Resolve) return;
        Entity entity = replica.Get(edit.Key)!;
        FieldPath path = edit.IsOfExistence ? FieldPath.Root : edit.Steps[0].Path;
        Check.Equal(1, entity.Siblings(path).Count);
        Check.Empty(entity.Conflicts().Where(c => c.Path == path && c.Kind == resolved));
    }

    private void Note(Transaction transaction, Replica replica, int at, Edit edit)
    {
        EntityKey key = KeyOf(edit.Entity);
        Entity? basis = edit.AsSeen ? seen.GetValueOrDefault((at, key)) : null;
        switch (edit.Kind)
        {
            case EditIntent.Create:
                Apply(transaction.Create(key), edit);
                break;
            case EditIntent.Update:
                Apply(basis is null ? transaction.Update(key) : transaction.Update(basis), edit);
                break;
            case EditIntent.Upsert:
                Apply(transaction.Upsert(key), edit);
                break;
            case EditIntent.Delete:
                Apply(basis is null ? transaction.Delete(key) : transaction.Delete(basis), edit);
                break;
            default:
                Conflict[] conflicts = [.. replica.Conflicts(openOnly: false)];
                if (conflicts.Length == 0) break;
                Conflict conflict = conflicts[edit.Entity % conflicts.Length];
                resolved = conflict.Kind;
                if (conflict.Kind == ConflictKind.Existence) transaction.Resolve(conflict, Value.From(edit.Ops.Length == 0));
                else if (edit.Ops is [var op]) transaction.Resolve(conflict, Value.ParseJson(op.Text));
                else if (conflict.Kind == ConflictKind.Values) transaction.Resolve(conflict, conflict.Siblings[^1]);
                break;
        }
    }

    private static void Apply(EntityEdit noted, Edit edit)
    {
        foreach (Op op in edit.Ops) op.On(noted);
        if (edit.RefusedBy != 0) noted.WithContext(edit.RefusedBy);
    }
}
