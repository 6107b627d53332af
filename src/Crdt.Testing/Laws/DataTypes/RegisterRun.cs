namespace Crdt.Testing;

/// <summary>Lives through a <see cref="RegisterHistory"/> with real replicas, and keeps account of who saw what.</summary>
internal sealed class RegisterRun : IAsyncDisposable
{
    /// <summary>The entity that holds the register, and one beside it.</summary>
    public static readonly EntityKey Key = new("laws", "entity", "1"), Other = new("laws", "entity", "2");

    public static readonly FieldPath Name = "register";

    private readonly DataTypeLaws laws;
    private readonly List<RegisterOperation> operations = [];

    private RegisterRun(DataTypeLaws laws, Team team) => (this.laws, Team) = (laws, team);

    public Team Team { get; }

    public IReadOnlyList<RegisterOperation> Operations => operations;

    /// <summary>Three replicas that hold the entity, before anything happened to the register.</summary>
    public static async Task<RegisterRun> BeginAsync(DataTypeLaws laws, bool isProjecting = false, int devices = RegisterHistory.Replicas)
    {
        Team team = await Team.CreateAsync(
            new TeamOptions { Devices = 0, IsProjecting = isProjecting, Policies = laws.SpacePolicies });
        for (int i = 0; i < devices; i++) await team.AddAsync(dataTypes: laws.Registered);
        var run = new RegisterRun(laws, team);
        await team[0].CommitAsync(tx => tx.Create(Key).Set("else", 0));
        for (int i = 1; i < devices; i++) await run.SendAsync(0, i);
        return run;
    }

    public static async Task<RegisterRun> OfAsync(DataTypeLaws laws, RegisterHistory history, bool isProjecting = false)
    {
        RegisterRun run = await BeginAsync(laws, isProjecting);
        foreach (RegisterStep step in history.Steps)
        {
            await run.TakeAsync(step);
            // A read must leave no trace.
            for (int at = 0; at < run.Team.Replicas.Count; at++) run.Read(at);
        }
        return run;
    }

    /// <param name="step">What happens.</param>
    /// <param name="user">Who writes, if somebody does.</param>
    public async Task TakeAsync(RegisterStep step, string? user = null)
    {
        switch (step.Does)
        {
            case RegisterAction.Write:
                await CommitAsync(step.At, tx => laws.Write(tx, Key, Name, step.Argument), step.Argument, user);
                break;
            case RegisterAction.Remove:
                await CommitAsync(step.At, tx => laws.Remove(tx, Key, Name), null, user);
                break;
            case RegisterAction.Send:
                await SendAsync(step.At, step.To);
                break;
            default:
                await Team.ReopenAsync(step.At);
                break;
        }
    }

    /// <summary>What a replica reads there; <see langword="null"/> for nothing.</summary>
    public Value? Read(int at) => Read(Team[at]);

    public Value? Read(Replica replica) => laws.Read(replica, Key, Name);

    /// <summary>The siblings that a replica holds there, the latest first.</summary>
    public IReadOnlyList<Sibling> Siblings(int at) => Siblings(Team[at]);

    public IReadOnlyList<Sibling> Siblings(Replica replica) =>
        replica.GetWithDeleted(Key)?.Siblings(laws.RegisterOf(Name)) ?? [];

    /// <summary>The operations that a replica has seen.</summary>
    public IReadOnlyList<RegisterOperation> SeenBy(Replica replica) =>
        [.. operations.Where(o => replica.Vector.Covers(o.Dot))];

    /// <summary>Hands over what the other lacks, run by run.</summary>
    public async Task SendAsync(int from, int to)
    {
        if (from == to) return;
        foreach (BatchRun run in await World.RunsOfAsync(Team[from]))
        {
            if (Team[to].Vector[run.Author] < run.LastSequence) await Team[to].ApplyAsync(run, default);
        }
    }

    public async Task SendToAllAsync()
    {
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < Team.Replicas.Count; i++)
            {
                for (int j = 0; j < Team.Replicas.Count; j++) await SendAsync(i, j);
            }
        }
    }

    /// <summary>Adds a server that refuses what one user does.</summary>
    public async Task AddServerAsync(string refusedUser)
    {
        Team.Admissions[Team.Replicas.Count] = new RefuseUser(refusedUser);
        await Team.AddAsync(ReplicaRole.Server, laws.Registered);
    }

    public async Task CommitAsync(int at, Action<Transaction> edits, Value? argument, string? user = null)
    {
        Replica replica = Team[at];
        HashSet<Dot> seen = [.. SeenBy(replica).Select(o => o.Dot)];
        CommitResult result = default;
        try
        {
            result = await replica.CommitAsync(edits, user);
        }
        catch (MutationException e) when (e.Error == MutationError.NotFound)
        {
            // Nobody deletes what is deleted.
        }
        if (result.Count == 0) return;
        var dot = new Dot(result.Replica, result.FirstSequence + result.Count - 1);
        operations.Add(new RegisterOperation(dot, replica.FindMutation(dot)!.Mutation.Timestamp, argument, seen));
    }

    public ValueTask DisposeAsync() => Team.DisposeAsync();

    private sealed class RefuseUser(string user) : IAdmission
    {
        public Refusal? Judge(IncomingTransaction transaction) =>
            transaction.User == user ? new Refusal(RefusalCode.ScopeMissing, "This user may not.") : null;
    }
}
