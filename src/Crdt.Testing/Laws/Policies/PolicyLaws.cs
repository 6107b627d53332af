using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Crdt.Testing;

/// <summary>The laws that every conflict policy has to keep, beside those of every data type: derive a class, name the
/// policy, and say which of several concurrent values it picks.</summary>
/// <remarks>Laws: 4, 6, 7.</remarks>
public abstract class PolicyLaws : DataTypeLaws
{
    private static readonly string Scope = $"{RegisterRun.Key.Domain}/{RegisterRun.Key.Type}/{RegisterRun.Name}";

    /// <summary>The policy.</summary>
    public abstract ConflictPolicy Policy { get; }

    /// <inheritdoc/>
    public override DataType Type => DataTypes.Register(Policy);

    /// <inheritdoc/>
    public override IReadOnlyList<Value> Arguments { get; } = [0, 1, "s", Value.ParseJson("[1]")];

    /// <inheritdoc/>
    public override bool MeansWithRemovals => true;

    /// <summary>Whether a conflict waits for a person.</summary>
    public virtual bool WaitsForAPerson => false;

    internal override IReadOnlyList<(string Scope, ConflictPolicy Policy)> SpacePolicies => [(Scope, Policy)];

    /// <inheritdoc/>
    public override FieldPath RegisterOf(FieldPath name) => name;

    /// <summary>Which of the values is read, said a second time and as plainly as possible.</summary>
    /// <param name="concurrent">Writes that nobody replaced: at least one.</param>
    /// <param name="all">All operations that the reader has seen.</param>
    public abstract RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all);

    /// <inheritdoc/>
    public override Value? Expected(IReadOnlyList<RegisterOperation> operations)
    {
        IReadOnlyList<RegisterOperation> concurrent = Unreplaced(operations);
        return concurrent.Count == 0 ? null : Pick(concurrent, operations).Argument;
    }

    /// <summary>The writes among operations that none of the others had seen.</summary>
    public static IReadOnlyList<RegisterOperation> Unreplaced(IReadOnlyList<RegisterOperation> operations) =>
        [.. operations.Where(o => o.Argument is not null && !operations.Any(other => other.Seen.Contains(o.Dot)))];

    /// <summary>The latest: by time, then by replica, then by sequence.</summary>
    public static RegisterOperation Latest(IReadOnlyList<RegisterOperation> operations) =>
        operations.MaxBy(o => (o.Timestamp, o.Dot.Replica, o.Dot.Sequence))!;

    /// <summary>What lost stays, and is listed for whoever wrote it.</summary>
    [Fact]
    public void What_is_passed_over_stays_a_sibling_and_is_listed() => HoldsFor(async run =>
    {
        foreach (Replica replica in run.Team.Replicas)
        {
            Sibling[] siblings = [.. run.Siblings(replica)];
            Conflict[] listed = [.. replica.Conflicts(openOnly: false)];
            Conflict[] open = [.. replica.Conflicts()];
            bool isConflict = siblings.Select(s => s.Value).Distinct().Count() > 1;
            Check.Equal(isConflict ? 1 : 0, listed.Length);
            Check.Equal(isConflict && WaitsForAPerson ? 1 : 0, open.Length);
            if (!isConflict) continue;
            Check.Equal(siblings, listed[0].Siblings);
            Check.Equal(run.Read(replica), listed[0].Visible);
            Check.Equal(Policy, listed[0].Policy);
        }
    });

    /// <summary>Law 7: a person's resolution leaves one sibling, everywhere.</summary>
    [Fact]
    public void A_resolution_leaves_one_value_everywhere() => HoldsFor(async run =>
    {
        if (run.Team[1].Conflicts(openOnly: false).FirstOrDefault() is not { } conflict) return;
        Value choice = conflict.Siblings[^1].Value;
        await run.Team[1].CommitAsync(tx => tx.Resolve(conflict, conflict.Siblings[^1]));
        await run.SendToAllAsync();
        foreach (Replica replica in run.Team.Replicas)
        {
            Check.Equal(1, run.Siblings(replica).Count);
            Check.Equal(choice, run.Read(replica));
            Check.Empty(replica.Conflicts(openOnly: false));
        }
    });

    /// <summary>Whoever has seen everything writes what is read, under every policy.</summary>
    [Fact]
    public void A_write_that_saw_all_others_is_read() => HoldsFor(async run =>
    {
        await run.TakeAsync(new RegisterStep(RegisterAction.Write, 2, Argument: "last"));
        await run.SendToAllAsync();
        foreach (Replica replica in run.Team.Replicas) Check.Equal("last", run.Read(replica));
    });

    /// <summary>Siblings are kept under every policy, so another one finds them all.</summary>
    [Fact]
    public void A_change_of_policy_loses_nothing_and_can_be_taken_back() => HoldsFor(async run =>
    {
        Replica server = await run.Team.AddAsync(ReplicaRole.Server);
        await run.SendToAllAsync();
        Value? read = run.Read(0);
        foreach (ConflictPolicy policy in Enum.GetValues<ConflictPolicy>())
        {
            await server.CommitAsync(tx => tx.SetPolicy(PolicyScope.Parse(Scope), policy));
            await run.SendToAllAsync();
            Check.Equal(run.Siblings(1), run.Siblings(0));
            if (run.Siblings(0).Count > 0) Check.Equal(DataTypes.Register(policy).Read(run.Siblings(0)), run.Read(0));
        }
        await server.CommitAsync(tx => tx.SetPolicy(PolicyScope.Parse(Scope), Policy));
        await run.SendAsync(3, 0);
        Check.Equal(read, run.Read(0));
    });

    private void HoldsFor(Func<RegisterRun, Task> law) => Law.Holds(
        RegisterHistory.Any(Arguments, withRemovals: true), async history =>
        {
            await using RegisterRun run = await RegisterRun.OfAsync(this, history);
            await run.SendToAllAsync();
            await law(run);
        }, Cases);
}
